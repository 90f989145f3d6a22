import { createHmac, randomUUID } from "node:crypto";
import { expect, type APIRequestContext, type Browser, type BrowserContext, type Page } from "@playwright/test";
import { send, type Batch } from "../../../dashboard/dev/traces.mjs";
import { test as base } from "./pages.ts";

export { expect };
export { barriers, rows } from "./pages.ts";
export * from "../../../dashboard/dev/traces.mjs";

function need(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`${name} is needed; tests/browser/cloud.sh sets it`);
  return value.replace(/\/+$/, "");
}

/** The cloud under test, and the emulators beside it. */
export const CLOUD = {
  url: need("CLOUD_URL"),
  /** Where the emulator of the mail service shows what was sent, at `/sent`. */
  mail: need("CLOUD_MAIL_URL"),
  /** What webhooks of the billing service are signed with. */
  webhookSecret: need("CLOUD_WEBHOOK_SECRET"),
  /** The replicas, each with the addresses of its own. */
  replicas: JSON.parse(need("CLOUD_REPLICAS")) as { api_url: string; proxy_url: string }[],
};

export const PASSWORD = "correct horse battery";

/** Returns an address nobody has used. */
export function freshEmail(name = "ann"): string {
  return `${name}-${randomUUID().slice(0, 12)}@example.com`;
}

/** Returns an address of the network nobody has used: how often one may log in is counted by it. */
function freshAddress(): string {
  const part = () => Math.floor(Math.random() * 254) + 1;
  return `10.${part()}.${part()}.${part()}`;
}

/** Somebody with an account, and the calls their browser would make. */
export class Person {
  readonly email: string;
  readonly org: string;
  private readonly request: APIRequestContext;

  private constructor(request: APIRequestContext, email: string, org: string) {
    this.request = request;
    this.email = email;
    this.org = org;
  }

  /** Signs up in a browser, which is logged in from then on. */
  static async signUp(context: BrowserContext, { email = freshEmail(), name = "Ann Lee", org = "Lee & Partners" } = {}): Promise<Person> {
    const answer = await context.request.post(`${CLOUD.url}/api/auth/signup`, {
      headers: { origin: CLOUD.url },
      data: { email, password: PASSWORD, name, org_name: org },
    });
    expect(answer.status(), await answer.text()).toBe(201);
    const { org_id } = (await answer.json()) as { org_id: string };
    return new Person(context.request, email, org_id);
  }

  async call<Answer>(method: string, path: string, data?: object): Promise<Answer> {
    const answer = await this.request.fetch(`${CLOUD.url}${path}`, { method, headers: { origin: CLOUD.url }, ...(data === undefined ? {} : { data }) });
    expect(answer.ok(), `${method} ${path}: ${await answer.text()}`).toBe(true);
    return (await answer.json()) as Answer;
  }

  async key(scopes: string[] = ["write"]): Promise<string> {
    return (await this.call<{ key: string }>("POST", "/api/org/api-keys", { name: "Tests", scopes })).key;
  }

  async ingest(batch: Batch, key?: string): Promise<void> {
    await send(CLOUD.url, batch, key ?? (await this.key()));
  }

  /** Buys a plan: the billing service tells the server of a subscription. */
  async subscribe(plan: "pro" | "team"): Promise<void> {
    await billingSays("active", "active", this.org, plan);
  }

  /** Invites somebody and returns the token of their mail. */
  async invite(email: string, role = "member"): Promise<string> {
    await this.call("POST", "/api/org/invites", { email, role });
    return tokenOfMail(email, "accept-invite");
  }

  /** Invites somebody, who joins with a new account in a browser of their own. */
  async welcome(context: BrowserContext, role: string, email = freshEmail(role)): Promise<string> {
    const token = await this.invite(email, role);
    const answer = await context.request.post(`${CLOUD.url}/api/auth/accept-invite`, { headers: { origin: CLOUD.url }, data: { token, name: role, password: PASSWORD } });
    expect(answer.status(), await answer.text()).toBe(201);
    return email;
  }
}

/** Sends a webhook of the billing service, signed as it signs. */
export async function billingSays(kind: string, status: string, org: string, product: string): Promise<void> {
  const now = new Date();
  const id = randomUUID();
  const timestamp = String(Math.floor(now.getTime() / 1000));
  const body = JSON.stringify({
    type: `subscription.${kind}`,
    timestamp: now.toISOString(),
    data: {
      id: randomUUID(),
      status,
      cancel_at_period_end: false,
      product: { id: "product", name: product, metadata: {} },
      customer: { email: "billing@example.com", external_id: org, metadata: {} },
      metadata: { org_id: org },
    },
  });
  const key = Buffer.from(CLOUD.webhookSecret.replace(/^whsec_/, ""), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  const answer = await fetch(`${CLOUD.url}/api/billing/polar/webhook`, {
    method: "POST",
    headers: { "content-type": "application/json", "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` },
    body,
  });
  expect(answer.status, await answer.text()).toBe(200);
}

/** Waits for a mail and returns the token of its link. */
export async function tokenOfMail(email: string, page: "accept-invite" | "reset-password", earlier: readonly string[] = []): Promise<string> {
  let token: string | undefined;
  await expect
    .poll(
      async () => {
        const mails = (await (await fetch(`${CLOUD.mail}/sent`)).json()) as { to: string[]; text: string }[];
        const tokens = mails.filter(({ to }) => to.includes(email)).map(({ text }) => new RegExp(`/${page}\\?token=(\\S+)`).exec(text)?.[1]);
        token = tokens.reverse().find((each) => each !== undefined && !earlier.includes(each));
        return token;
      },
      { message: `a mail for ${email}`, timeout: 20_000 },
    )
    .toBeDefined();
  return token ?? "";
}

interface Fixtures {
  /** A browser of somebody else. */
  other: BrowserContext;
}

export const test = base.extend<Fixtures>({
  baseURL: CLOUD.url,
  // Playwright reads the names of the fixtures one depends on; an empty pattern says there are none.
  // eslint-disable-next-line no-empty-pattern
  extraHTTPHeaders: async ({}, use) => use({ "x-forwarded-for": freshAddress() }),
  other: async ({ browser }, use) => {
    const context = await stranger(browser);
    await use(context);
    await context.close();
  },
});

/** Returns a browser that nobody is logged in with. */
export function stranger(browser: Browser): Promise<BrowserContext> {
  return browser.newContext({ baseURL: CLOUD.url, colorScheme: "dark", extraHTTPHeaders: { "x-forwarded-for": freshAddress() } });
}

/** Fails when the frame of the dashboard is ever on screen, even for a moment. */
export async function watchForShell(page: Page): Promise<() => Promise<boolean>> {
  await page.addInitScript(() => {
    const look = () => {
      if (document.querySelector('nav[aria-label="Main"]') !== null) sessionStorage.setItem("shell-was-shown", "yes");
    };
    new MutationObserver(look).observe(document, { childList: true, subtree: true });
  });
  return () => page.evaluate(() => sessionStorage.getItem("shell-was-shown") !== null);
}
