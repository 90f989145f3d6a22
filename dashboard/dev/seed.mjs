// Fills a server with traces of every kind, to look at: node dev/seed.mjs http://localhost:3000 [traces]
import { hardTraces, largeTrace, manyTraces, send, supportTrace } from "./traces.mjs";

const base = process.argv[2] ?? "http://localhost:3000";
const count = Number(process.argv[3] ?? 400);

await send(base, manyTraces(count));
await send(base, largeTrace(10_000));
for (const batch of Object.values(hardTraces())) await send(base, batch);
await send(base, supportTrace());
console.log(`${count} traces and some hard ones sent to ${base}`);
