// Traces made by hand, for pictures and for the browser tests. Nothing is random, so two pictures differ only where
// the dashboard does.

/** @typedef {{ traces: Record<string, unknown>[], spans: Record<string, unknown>[] }} Batch */

/** @param {number} ms */
const at = (ms) => new Date(ms).toISOString();

/**
 * Sends a batch, in the pieces the API takes.
 *
 * @param {string} base
 * @param {Batch} batch
 * @param {string} [key] an API key, where the server asks for one
 */
export async function send(base, { traces, spans }, key) {
  for (let from = 0; from < Math.max(1, traces.length, spans.length); from += 500) {
    const body = { traces: traces.slice(from, from + 500), spans: spans.slice(from, from + 500) };
    const answer = await fetch(`${base}/api/ingest`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
      body: JSON.stringify(body),
    });
    const result = await answer.json();
    if (!answer.ok || result.rejected.length > 0) throw new Error(JSON.stringify(result).slice(0, 400));
  }
}

/**
 * An agent that answers a customer: it classifies, searches, calls tools twice and writes the answer.
 *
 * @param {{ id?: string, start?: number }} [where]
 * @returns {Batch}
 */
export function supportTrace({ id = "customers-support", start = Date.now() - 60_000 } = {}) {
  /** @type {(name: string, parent: string | null, title: string, kind: object, from: number, to: number, more: object) => Record<string, unknown>} */
  const span = (name, parent, title, kind, from, to, more) => ({
    id: `${id}-${name}`,
    trace_id: id,
    parent_id: parent === null ? null : `${id}-${parent}`,
    name: title,
    kind,
    status: "completed",
    started_at: at(start + from),
    ended_at: at(start + to),
    ...more,
  });
  const question =
    "Hi, my oak desk (order 88213) arrived on Monday with a cracked leg. I need it for a video shoot on Friday. Can you send a new leg, or a whole desk, before then?";
  const system = [
    "You are the support agent of Larch & Oak, a maker of furniture.",
    "",
    "- Answer in the language of the customer, briefly and kindly.",
    "- Look an order up before you say anything about it. Never guess a delivery date.",
    "- Parts and replacements of damaged goods are free within 30 days. Refunds above $500 need a person.",
    "- End with what happens next and when.",
  ].join("\n");
  const tools = [
    { name: "lookup_order", description: "Returns an order with its items and its delivery.", input_schema: { type: "object", properties: { order_id: { type: "string" } }, required: ["order_id"] } },
    { name: "check_stock", description: "Returns how many of an article are where, and the soonest delivery.", input_schema: { type: "object", properties: { sku: { type: "string" }, postcode: { type: "string" } }, required: ["sku"] } },
    { name: "create_replacement", description: "Orders a part or an article again, free of charge.", input_schema: { type: "object", properties: { order_id: { type: "string" }, sku: { type: "string" }, service: { enum: ["standard", "express"] } }, required: ["order_id", "sku"] } },
  ];
  const policy =
    "Damage in transit: the customer chooses between a spare part and a replacement. Express delivery is free when the damage keeps the customer from using the article.";
  const order = { order_id: "88213", customer: "M. Okafor", placed: "2026-03-02", delivered: "2026-03-09", total: 649, currency: "USD", items: [{ sku: "DESK-OAK-140", name: "Oak desk, 140 cm", quantity: 1 }], ship_to: { city: "Portland", postcode: "97209" } };
  const stock = { sku: "DESK-OAK-LEG", available: 36, warehouse: "Tacoma", express: "Wednesday", standard: "Monday" };
  const replacement = { replacement_id: "R-5521", sku: "DESK-OAK-LEG", quantity: 1, service: "express", arrives: "Wednesday, before 18:00", charge: 0 };
  const answer = [
    "I am sorry about the cracked leg, and glad you wrote in time. A new one is on its way:",
    "",
    "| | |",
    "|---|---|",
    "| Part | Leg for the oak desk, 140 cm |",
    "| Replacement | **R-5521**, free of charge |",
    "| Arrives | **Wednesday, before 18:00** |",
    "",
    "The leg screws in with the four bolts you already have; it takes about ten minutes. Keep the cracked one, nothing needs to be sent back.",
    "",
    "You will get a tracking link tonight. If the leg does not solve it, answer here before Wednesday noon and a whole desk can still reach you by Friday.",
  ].join("\n");
  const call = (/** @type {string} */ call, /** @type {string} */ name, /** @type {object} */ input) => ({ type: "tool_use", id: call, name, input });
  const result = (/** @type {string} */ call, /** @type {object} */ value) => ({ type: "tool_result", tool_use_id: call, content: JSON.stringify(value) });
  const cached = [{ type: "text", text: system, cache_control: { type: "ephemeral" } }];
  const asked = [{ role: "user", content: `<policy>${policy}</policy>\n\n${question}` }];
  const first = [
    { type: "text", text: "I will look up the order and see how soon a leg can be there." },
    call("toolu_01", "lookup_order", { order_id: "88213" }),
    call("toolu_02", "check_stock", { sku: "DESK-OAK-LEG", postcode: "97209" }),
  ];
  const second = [
    { type: "text", text: "The leg is in stock in Tacoma and express reaches Portland on Wednesday, two days before the shoot." },
    call("toolu_03", "create_replacement", { order_id: "88213", sku: "DESK-OAK-LEG", service: "express" }),
  ];
  const afterFirst = [...asked, { role: "assistant", content: first }, { role: "user", content: [result("toolu_01", order), result("toolu_02", stock)] }];
  const afterSecond = [...afterFirst, { role: "assistant", content: second }, { role: "user", content: [result("toolu_03", replacement)] }];
  const model = "claude-sonnet-4-5";
  const request = (/** @type {unknown[]} */ messages) => ({ model, max_tokens: 1024, temperature: 0.2, system: cached, tools, messages });
  const response = (/** @type {unknown} */ content, /** @type {string} */ stop_reason) => ({ id: "msg_01", type: "message", role: "assistant", model: "claude-sonnet-4-5-20250929", content, stop_reason });
  const llm = (/** @type {object} */ tokens) => ({ type: "llm_call", model, provider: "anthropic", ...tokens });
  const tool = (/** @type {string} */ name, /** @type {string} */ id) => ({ type: "tool_call", tool_name: name, tool_call_id: id });
  return {
    traces: [{ id, name: "customers-support", tags: ["env:prod", "channel:email"], session_id: "ticket-40417", started_at: at(start) }],
    spans: [
      span("root", null, "customers-support", { type: "custom", kind: "agent" }, 0, 9_840, { input: { ticket: 40417, message: question }, output: { answer, resolved: true } }),
      span("classify", "root", "classify-ticket", { type: "llm_call", model: "gpt-4o-mini", provider: "openai", input_tokens: 412, output_tokens: 24 }, 20, 640, {
        input: { model: "gpt-4o-mini", temperature: 0, response_format: { type: "json_object" }, messages: [{ role: "system", content: "Classify the ticket. Answer as JSON with topic, urgency and language." }, { role: "user", content: question }] },
        output: { model: "gpt-4o-mini-2024-07-18", choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: '{"topic":"damaged_item","urgency":"high","language":"en"}' } }] },
      }),
      span("search", "root", "search-policies", { type: "retrieval", query: "damaged item replacement express", top_k: 3 }, 660, 1_130, {
        input: { query: "damaged item replacement express", top_k: 3 },
        output: [{ id: "policy/transit-damage", score: 0.87, text: policy }, { id: "policy/returns", score: 0.61, text: "Articles can be returned within 30 days of delivery." }],
      }),
      span("embed", "search", "text-embedding-3-small", { type: "embedding", model: "text-embedding-3-small", dimensions: 1536 }, 670, 840, { input: "damaged item replacement express" }),
      span("vectors", "search", "vector-search", { type: "custom", kind: "database", attributes: { "db.system": "postgresql", "db.rows": 3 } }, 850, 1_120, { output: { rows: 3 } }),
      span("plan", "root", "plan", { type: "custom", kind: "chain" }, 1_150, 6_320, { input: { step: "act until resolved" }, output: { steps: 2 } }),
      span("plan-1", "plan", model, llm({ input_tokens: 2_940, output_tokens: 148, cache_write_tokens: 1_822 }), 1_160, 3_270, { input: request(asked), output: response(first, "tool_use") }),
      span("order", "plan", "lookup_order", tool("lookup_order", "toolu_01"), 3_290, 3_610, { input: { order_id: "88213" }, output: order }),
      span("stock", "plan", "check_stock", tool("check_stock", "toolu_02"), 3_295, 4_040, { input: { sku: "DESK-OAK-LEG", postcode: "97209" }, output: stock }),
      span("plan-2", "plan", model, llm({ input_tokens: 3_306, output_tokens: 112, cached_input_tokens: 1_822 }), 4_060, 5_730, { input: request(afterFirst), output: response(second, "tool_use") }),
      span("replace", "plan", "create_replacement", tool("create_replacement", "toolu_03"), 5_750, 6_310, { input: { order_id: "88213", sku: "DESK-OAK-LEG", service: "express" }, output: replacement }),
      span("reply", "root", "write-reply", llm({ input_tokens: 3_548, output_tokens: 236, cached_input_tokens: 1_822 }), 6_340, 9_620, { input: request(afterSecond), output: response([{ type: "text", text: answer }], "end_turn") }),
      span("save", "root", "save-ticket", { type: "fs_write", path: "tickets/40417.json", bytes_written: 1_984, file_version: "3" }, 9_640, 9_820, {}),
    ],
  };
}

const models = [["gpt-4o", "openai"], ["gpt-4o-mini", "openai"], ["claude-sonnet-4-5", "anthropic"], ["gemini-2.5-flash", "gemini"], ["o3-mini", "openai"]];
const questions = [
  "Where is my parcel? It should have been here on Monday.",
  "Can I still change the delivery address of order 88213?",
  "How do I return a chair that does not fit through the door?",
  "أين طلبي؟ لقد انتظرت أسبوعًا كاملاً.",
  "注文した本がまだ届きません。いつ届きますか？",
  "Is the oak table in stock in a darker finish, and would it arrive before Christmas?",
];
const names = ["support-agent", "classify-ticket", "summarise-thread", "answer-question", "nightly-digest"];

/**
 * Many small traces, the newest first: every eleventh failed, every third in a session, one with an endless name.
 *
 * @param {number} count
 * @param {number} [now]
 * @returns {Batch}
 */
export function manyTraces(count, now = Date.now()) {
  let state = 42;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  /** @template T @param {T[]} list @returns {T} */
  const pick = (list) => /** @type {T} */ (list[Math.floor(random() * list.length)]);
  /** @type {Batch} */
  const batch = { traces: [], spans: [] };
  for (let index = 0; index < count; index++) {
    const id = `seed-${String(index).padStart(6, "0")}`;
    const start = now - index * 61_000 - Math.floor(random() * 30_000) - 40_000;
    const [model, provider] = pick(models);
    const question = pick(questions);
    const fails = index % 11 === 3;
    const name = index === 5 ? "a name that goes on and on ".repeat(8).slice(0, 200) : pick(names);
    const took = 600 + Math.floor(random() ** 3 * 30_000);
    /** @type {(suffix: string, parent: string | null, name: string, kind: object, from: number, to: number, more: object) => void} */
    const add = (suffix, parent, name, kind, from, to, more) =>
      void batch.spans.push({
        id: `${id}-${suffix}`, trace_id: id, parent_id: parent && `${id}-${parent}`, name, kind, status: "completed",
        started_at: at(start + from * took), ended_at: at(start + to * took), ...more,
      });
    const system = "You answer questions about orders. Be brief, exact and kind. Never promise a refund.";
    const messages = [{ role: "system", content: system }, { role: "user", content: question }];
    const call = { id: "call_1", type: "function", function: { name: "lookup_order", arguments: JSON.stringify({ order: 88000 + index }) } };
    const answer = "Your parcel left the warehouse this morning and arrives **tomorrow before noon**.\n\n- Carrier: Northwind\n- Tracking: NW-88213";
    const tokens = { input_tokens: 200 + Math.floor(random() * 5000), output_tokens: 30 + Math.floor(random() * 700) };
    const usage = index % 3 === 0 ? { ...tokens, cached_input_tokens: Math.floor(tokens.input_tokens / 2) } : tokens;
    const llm = { type: "llm_call", model, provider, ...usage };
    batch.traces.push({ id, name, tags: index % 4 === 0 ? ["env:prod", "synthetic"] : ["env:dev"], session_id: index % 3 === 0 ? `chat-${Math.floor(index / 12)}` : null, started_at: at(start) });
    add("a", null, name, { type: "custom", kind: "agent" }, 0, 1, { input: { question }, output: answer });
    add("b", "a", model ?? "", llm, 0.02, 0.4, { input: { model, temperature: 0.2, messages }, output: { choices: [{ index: 0, finish_reason: "tool_calls", message: { role: "assistant", content: null, tool_calls: [call] } }] } });
    add("c", "a", "lookup_order", { type: "tool_call", tool_name: "lookup_order", tool_call_id: "call_1" }, 0.41, 0.55, fails
      ? { status: "failed", error: "TimeoutError: order service timed out after 5 s\n    at lookup (/app/orders.ts:41:13)", input: { order: 88000 + index } }
      : { input: { order: 88000 + index }, output: { state: "sent", eta: "tomorrow" } });
    add("d", "a", model ?? "", llm, 0.56, 0.98, {
      input: { model, temperature: 0.2, messages: [...messages, { role: "assistant", content: null, tool_calls: [call] }, { role: "tool", tool_call_id: "call_1", content: '{"state":"sent","eta":"tomorrow"}' }] },
      output: { choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: answer } }] },
    });
  }
  return batch;
}

/**
 * One trace with very many spans: rounds of an agent, each with a call and eight tools.
 *
 * @param {number} count
 * @param {{ id?: string, start?: number }} [where]
 * @returns {Batch}
 */
export function largeTrace(count, { id = "large", start = Date.now() - 3_600_000 } = {}) {
  /** @type {Batch} */
  const batch = { traces: [{ id, name: `crawl with ${count} spans`, started_at: at(start) }], spans: [] };
  const end = start + Math.ceil(count / 10) * 400;
  const add = (/** @type {object} */ span) => void batch.spans.push({ trace_id: id, status: "completed", ...span });
  add({ id: "root", parent_id: null, name: "crawl", kind: { type: "custom", kind: "agent" }, started_at: at(start), ended_at: at(end) });
  for (let index = 1; index < count; index++) {
    const round = Math.floor((index - 1) / 10);
    const place = (index - 1) % 10;
    const from = start + round * 400;
    const parent = `round-${round}`;
    if (place === 0) add({ id: parent, parent_id: "root", name: `round ${round + 1}`, kind: { type: "custom", kind: "chain" }, started_at: at(from), ended_at: at(from + 390) });
    else if (place === 1) {
      add({
        id: `call-${round}`, parent_id: parent, name: "choose links", kind: { type: "llm_call", model: "gpt-4o-mini", provider: "openai", input_tokens: 900 + (round % 50), output_tokens: 40 },
        started_at: at(from + 5), ended_at: at(from + 180), input: { messages: [{ role: "user", content: `Which of these pages matter? Round ${round + 1}.` }] }, output: { role: "assistant", content: "Pages 1 to 8." },
      });
    } else {
      add({ id: `page-${round}-${place}`, parent_id: parent, name: `fetch page ${place - 1}`, kind: { type: "tool_call", tool_name: "fetch" }, started_at: at(from + 185 + place * 8), ended_at: at(from + 215 + place * 16), ...(index % 997 === 0 ? { status: "failed", error: "HTTP 503" } : {}) });
    }
  }
  return batch;
}

/**
 * One LLM call with a trace of its own.
 *
 * @param {string} id
 * @param {{ name?: string, messages: unknown[], answer?: unknown, start?: number, took?: number, more?: object, trace?: object }} call
 * @returns {Batch}
 */
export function singleCall(id, { name = id, messages, answer, start = Date.now() - 30_000, took = 2_400, more = {}, trace = {} }) {
  const model = "gpt-4o";
  return {
    traces: [{ id, name, started_at: at(start), ...trace }],
    spans: [{
      id: `${id}-call`, trace_id: id, parent_id: null, name, status: "completed", started_at: at(start), ended_at: at(start + took),
      kind: { type: "llm_call", model, provider: "openai", input_tokens: 1_200, output_tokens: 340 },
      input: { model, messages },
      ...(answer === undefined ? {} : { output: { choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: answer } }] } }),
      ...more,
    }],
  };
}

const square = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSIzMjAiIGhlaWdodD0iMTgwIj48cmVjdCB3aWR0aD0iMzIwIiBoZWlnaHQ9IjE4MCIgZmlsbD0iI2M5YTI2YiIvPjxwYXRoIGQ9Ik02MCA2MGgyMDB2MTRINjB6TTgwIDc0aDEydjgwSDgwek0yMjggNzRoMTJ2ODBoLTEyeiIgZmlsbD0iIzZiNDMyMCIvPjwvc3ZnPg==";

/**
 * Calls that are hard to show, by name.
 *
 * @returns {Record<"picture" | "words" | "scripts" | "named" | "failed" | "running", Batch>}
 */
export function hardTraces() {
  const paragraph = "The quick brown fox jumps over the lazy dog while **the price of oak** rises and `order_88213` waits in Tacoma. ";
  const sections = Array.from({ length: 250 }, (_, index) => `## Section ${index + 1}\n\n${paragraph.repeat(10)}`);
  const question = [{ role: "user", content: "Write a long story." }];
  return {
    picture: singleCall("picture", {
      messages: [{ role: "user", content: [{ type: "text", text: "What is in this picture?" }, { type: "image_url", image_url: { url: square } }] }],
      answer: "A desk with two legs, in front of a wall the colour of sand.",
    }),
    words: singleCall("words", { name: "fifty thousand words", messages: question, answer: sections.join("\n\n") }),
    scripts: singleCall("scripts", {
      name: "أين طلبي؟ 注文した本がまだ届きません",
      messages: [
        { role: "system", content: "أجب بلغة العميل. 客の言葉で答えてください。" },
        { role: "user", content: "أين طلبي رقم 88213؟ لقد انتظرت أسبوعًا كاملاً ولم يصل بعد.\n\n- الرقم: **88213**\n- المدينة: القاهرة" },
        { role: "assistant", content: "ご注文の本は今朝倉庫を出ました。明日の正午までに届きます。追跡番号は NW-88213 です。" },
        { role: "user", content: "谢谢。可以改到星期五送货吗？" },
      ],
      answer: "可以。送货时间已改为**星期五上午**。\n\nשלום, ההזמנה שלך תגיע ביום שישי.",
    }),
    named: singleCall("named", { name: "a-name-without-a-single-space-that-goes-on-".repeat(5).slice(0, 200), messages: question, answer: "No." }),
    failed: {
      traces: [{ id: "failed", name: "refund-agent", started_at: at(Date.now() - 90_000), tags: ["env:prod"] }],
      spans: [
        { id: "failed-root", trace_id: "failed", parent_id: null, name: "refund-agent", kind: { type: "custom", kind: "agent" }, status: "completed", started_at: at(Date.now() - 90_000), ended_at: at(Date.now() - 83_000), input: { order: 88213 } },
        { id: "failed-step", trace_id: "failed", parent_id: "failed-root", name: "pay back", kind: { type: "custom", kind: "chain" }, status: "completed", started_at: at(Date.now() - 89_000), ended_at: at(Date.now() - 84_000) },
        {
          id: "failed-tool", trace_id: "failed", parent_id: "failed-step", name: "charge_back", kind: { type: "tool_call", tool_name: "charge_back" }, status: "failed",
          error: `PaymentError: the card issuer declined the refund (code 05)\n${Array.from({ length: 30 }, (_, index) => `    at step${index} (/app/payments/refund.ts:${40 + index}:13)`).join("\n")}`,
          started_at: at(Date.now() - 88_000), ended_at: at(Date.now() - 85_000), input: { order: 88213, amount: 649, currency: "USD" },
        },
      ],
    },
    running: {
      traces: [{ id: "running", name: "still running" }],
      spans: [
        { id: "running-root", trace_id: "running", parent_id: null, name: "still running", kind: { type: "custom", kind: "agent" } },
        { id: "running-call", trace_id: "running", parent_id: "running-root", name: "gpt-4o", kind: { type: "llm_call", model: "gpt-4o", provider: "openai" }, input: { model: "gpt-4o", messages: question } },
      ],
    },
  };
}
