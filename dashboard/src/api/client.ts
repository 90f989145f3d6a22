/** An answer other than 2xx, in the API's words. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string = "unknown",
    readonly field?: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

async function request<T>(path: string, init?: RequestInit): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, init);
  } catch (cause) {
    if (init?.signal?.aborted) throw cause;
    throw new ApiError(0, "The server cannot be reached.", "unreachable");
  }
  const body: unknown = await answer.json().catch(() => null);
  if (!answer.ok) {
    const { error, code, field } = (body ?? {}) as { error?: string; code?: string; field?: string };
    throw new ApiError(answer.status, error ?? `The server answered ${answer.status}.`, code, field);
  }
  return body as T;
}

export const api = {
  get: <T>(path: string, init?: RequestInit) => request<T>(path, init),
  delete: (path: string) => request<unknown>(path, { method: "DELETE" }),
};

/** Returns a query string with the members that say something, or an empty one. */
export function query(members: Record<string, string | number | undefined | null>): string {
  const given = Object.entries(members).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}
