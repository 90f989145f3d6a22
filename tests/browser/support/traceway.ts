import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { send, type Batch } from "../../../dashboard/dev/traces.mjs";

/** How long a server may take until it says that it is ready. */
const READY_MS = 20_000;

const binary = resolve(process.env.TRACEWAY_BIN ?? join(import.meta.dirname, "../../../target/release/traceway"));

/** The real server with a data folder of its own. */
export class Traceway {
  api = "";
  proxy = "";
  private child: ChildProcess | undefined;
  private readonly folder: string;
  private readonly target: string;

  private constructor(folder: string, target: string) {
    this.folder = folder;
    this.target = target;
  }

  /** Starts a server on free ports whose proxy sends calls to `target`. */
  static async start(target: string): Promise<Traceway> {
    if (!existsSync(binary)) throw new Error(`${binary} is not there; build it with: cargo build --release -p api`);
    const server = new Traceway(await mkdtemp(join(tmpdir(), "traceway-browser-")), target);
    await server.run("127.0.0.1:0");
    return server;
  }

  /** Ends the process as a crash would, and keeps its data. */
  async kill(): Promise<void> {
    const child = this.child;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  /** Starts again at the same address. */
  async restart(): Promise<void> {
    await this.run(new URL(this.api).host);
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  async ingest(batch: Batch): Promise<void> {
    await send(this.api, batch);
  }

  /** Sends JSON, which the server has to accept. */
  async post(path: string, body: object): Promise<void> {
    const answer = await fetch(`${this.api}${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`);
  }

  private async run(address: string): Promise<void> {
    const child = spawn(binary, ["serve", "--api-addr", address, "--proxy-addr", "127.0.0.1:0"], {
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        HOME: this.folder,
        PATH: process.env.PATH,
        TRACEWAY_DATA_DIR: join(this.folder, "data"),
        TRACEWAY_PROXY_TARGET: this.target,
        LOG_FORMAT: "json",
      },
    });
    this.child = child;
    await new Promise<void>((resolve, reject) => {
      let log = "";
      const fail = (reason: string) => reject(new Error(`the server did not start (${reason}):\n${log}`));
      const timer = setTimeout(() => fail("no ready line"), READY_MS);
      const read = (data: Buffer) => {
        log += data.toString();
        const [, api, proxy] = /"api\.url":"([^"]+)".*"proxy\.url":"([^"]+)"/.exec(log) ?? [];
        if (api === undefined || proxy === undefined) return;
        this.api = api.replace("localhost", "127.0.0.1");
        this.proxy = proxy.replace("localhost", "127.0.0.1");
        clearTimeout(timer);
        resolve();
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      child.once("error", (error) => fail(error.message));
      child.once("exit", (code) => fail(`exit code ${code}`));
    });
  }
}
