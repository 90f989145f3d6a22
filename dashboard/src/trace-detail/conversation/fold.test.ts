import { describe, expect, it } from "vitest";
import { readConversation } from "./conversation";
import { foldSeen } from "./fold";

const chat = (messages: unknown[], answer: unknown) =>
  readConversation({ input: { messages }, output: { choices: [{ message: answer }] } })?.messages ?? [];

const shape = (stretches: ReturnType<typeof foldSeen>) =>
  stretches.map((stretch) => (stretch.folded ? -stretch.messages.length : stretch.messages.length));

describe("foldSeen", () => {
  const system = { role: "system", content: "S" };
  const first = [system, { role: "user", content: "one" }];
  const call = {
    role: "assistant",
    content: null,
    tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: '{"a":1,"b":2}' } }],
  };

  it("folds prompt and answer of the call before", () => {
    const before = chat(first, { role: "assistant", content: "uno", refusal: null });
    const now = chat(
      [...first, { role: "assistant", content: "uno" }, { role: "user", content: "two" }],
      { role: "assistant", content: "dos" },
    );
    expect(shape(foldSeen(now, before))).toEqual([-3, 2]);
  });

  it("recognises a tool call whose arguments are written in another order", () => {
    const before = chat(first, call);
    const again = {
      ...call,
      tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: '{"b":2,"a":1}' } }],
    };
    const now = chat([...first, again, { role: "tool", tool_call_id: "c", content: "r" }], {
      role: "assistant",
      content: "done",
    });
    expect(shape(foldSeen(now, before))).toEqual([-3, 2]);
  });

  it("does not fold a lone system prompt", () => {
    const before = chat(first, { role: "assistant", content: "uno" });
    const now = chat([system, { role: "user", content: "other" }], { role: "assistant", content: "x" });
    expect(shape(foldSeen(now, before))).toEqual([3]);
  });

  it("keeps what was asked visible when a call is repeated", () => {
    const before = chat([...first, { role: "user", content: "b" }], { role: "assistant", content: "x" });
    expect(shape(foldSeen(before, before))).toEqual([-2, 2]);
  });

  it("folds nothing for the first call", () => {
    const only = chat(first, { role: "assistant", content: "uno" });
    expect(shape(foldSeen(only, []))).toEqual([3]);
  });
});
