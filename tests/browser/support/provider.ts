import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A model provider that streams an answer and stops in its middle until it is told to go on. */
export class Provider {
  url = "";
  private readonly server: Server;
  private readonly waiting: (() => void)[] = [];

  private constructor() {
    this.server = createServer((request, response) => {
      request.resume();
      request.once("end", () => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        const send = (data: object) => response.write(`data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", model: "gpt-4o-mini", ...data })}\n\n`);
        send({ choices: [{ index: 0, delta: { role: "assistant", content: "Half of the answer" } }] });
        this.waiting.push(() => {
          send({ choices: [{ index: 0, delta: { content: ", and the rest." } }] });
          send({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
          send({ choices: [], usage: { prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 } });
          response.end("data: [DONE]\n\n");
        });
      });
    });
  }

  static async start(): Promise<Provider> {
    const provider = new Provider();
    await new Promise<void>((resolve) => provider.server.listen(0, "127.0.0.1", resolve));
    provider.url = `http://127.0.0.1:${(provider.server.address() as AddressInfo).port}`;
    return provider;
  }

  /** Ends every answer that waits. */
  finish(): void {
    for (const end of this.waiting.splice(0)) end();
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
