import { API_BASE } from "./base";

/** An answer other than 2xx, in the API's words. */
export class ApiError extends Error {
  /** The member of the request that is wrong. */
  readonly field: string | undefined;
  /** Seconds after which trying again makes sense. */
  readonly retryAfter: number | undefined;
  /** The limit of the plan that was reached. */
  readonly limit: number | undefined;

  constructor(
    readonly status: number,
    message: string,
    readonly code: string = "unknown",
    details: { field?: string | null | undefined; retry_after?: number | null | undefined; limit?: number | null | undefined } = {},
  ) {
    super(message);
    this.name = "ApiError";
    this.field = details.field ?? undefined;
    this.retryAfter = details.retry_after ?? undefined;
    this.limit = details.limit ?? undefined;
  }
}

let onSessionEnd: (() => void) | undefined;

/** Says what happens when the server no longer knows who is asking. Questions asked then are never answered. */
export function whenSessionEnds(act: () => void): void {
  onSessionEnd = act;
}

async function request<T>(path: string, init?: RequestInit, read = jsonOf as (answer: Response) => Promise<T>): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(`${API_BASE}${path}`, { credentials: API_BASE === "" ? "same-origin" : "include", ...init });
  } catch (cause) {
    if (init?.signal?.aborted) throw cause;
    throw new ApiError(0, "The server cannot be reached.", "unreachable");
  }
  // What is asked under `/api/auth` is how one logs in, and is told there that it did not work.
  if (answer.status === 401 && onSessionEnd !== undefined && !path.startsWith("/api/auth/")) {
    onSessionEnd();
    return new Promise<never>(() => undefined);
  }
  if (!answer.ok) {
    const { error, code, ...details } = ((await jsonOf(answer)) ?? {}) as { error?: string; code?: string; field?: string };
    throw new ApiError(answer.status, error ?? `The server answered ${answer.status}.`, code, details);
  }
  return read(answer);
}

function jsonOf(answer: Response): Promise<unknown> {
  return answer.json().catch(() => null);
}

function write<T>(method: string, path: string, body: object = {}): Promise<T> {
  return request<T>(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

export const api = {
  get: <T>(path: string, init?: RequestInit) => request<T>(path, init),
  /** Returns an answer as it was written. */
  text: (path: string, init?: RequestInit) => request(path, init, (answer) => answer.text()),
  post: <T>(path: string, body?: object) => write<T>("POST", path, body),
  patch: <T>(path: string, body: object) => write<T>("PATCH", path, body),
  delete: (path: string) => request<unknown>(path, { method: "DELETE" }),
};

/** Returns a query string with the members that say something, or an empty one. */
export function query(members: Record<string, string | number | undefined | null>): string {
  const given = Object.entries(members).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}
