import { describe, expect, it } from "vitest";
import type { Span } from "../api/types";
import { llm, spanAt, tool } from "../trace-detail/model/fixture";
import { turnOf } from "./turn";

const agent = { kind: { type: "custom", kind: "agent", attributes: {} } } satisfies Partial<Span>;
const file = { kind: { type: "fs_write", path: "a.txt", bytes_written: 1, file_version: "1" } } satisfies Partial<Span>;

const told = (spans: readonly Span[]) => {
  const { question, answer, steps } = turnOf(spans);
  return [question?.id, answer?.id, steps.map(({ id }) => id)];
};

describe("turnOf", () => {
  it("asks with the first call, answers with the last, and shows what lies between by start", () => {
    const spans = [
      spanAt("root", null, 0, 100, agent),
      spanAt("reply", "root", 80, 90, llm),
      spanAt("save", "root", 60, 70, file),
      spanAt("plan", "root", 10, 20, llm),
      spanAt("again", "root", 40, 50, llm),
      spanAt("look", "root", 20, 30, tool),
    ];
    expect(told(spans)).toEqual(["plan", "reply", ["look", "again", "save"]]);
  });

  it("shows spans that were sent without a parent", () => {
    expect(told([spanAt("call", null, 0, 10, llm), spanAt("look", null, 10, 20, tool), spanAt("reply", null, 20, 30, llm)])).toEqual(["call", "reply", ["look"]]);
    expect(told([spanAt("root", null, 0, 30, agent), spanAt("call", "root", 0, 10, llm), spanAt("look", null, 10, 20, tool)])).toEqual(["call", "call", ["look"]]);
  });

  it("shows the tools of a call that is the root itself", () => {
    expect(told([spanAt("call", null, 0, 30, llm), spanAt("look", "call", 10, 20, tool)])).toEqual(["call", "call", ["look"]]);
  });

  it("shows chains that follow each other, and chains below the root", () => {
    expect(told([spanAt("one", null, 0, 10), spanAt("call", "one", 0, 9, llm), spanAt("two", null, 10, 20), spanAt("look", "two", 11, 19, tool)])).toEqual(["call", "call", ["one", "two", "look"]]);
    expect(told([spanAt("root", null, 0, 30), spanAt("plan", "root", 0, 20), spanAt("call", "plan", 1, 9, llm)])).toEqual(["call", "call", ["plan"]]);
  });

  it("takes question and answer from the root when there is no call", () => {
    expect(told([spanAt("root", null, 0, 30, agent)])).toEqual(["root", "root", []]);
    expect(told([spanAt("root", null, 0, null, agent), spanAt("look", "root", 10, 20, tool)])).toEqual(["root", "root", ["look"]]);
    expect(told([spanAt("look", null, 0, 10, tool), spanAt("save", null, 10, 20, file)])).toEqual([undefined, undefined, ["look", "save"]]);
    expect(told([])).toEqual([undefined, undefined, []]);
  });

  it("shows a tool that is the root as a step", () => {
    expect(told([spanAt("serve", null, 0, 30, tool), spanAt("call", "serve", 10, 20, llm)])).toEqual(["call", "call", ["serve"]]);
  });
});
