import { expect, test } from "vitest";
import { looksLikeMarkdown } from "./looks-like-markdown";

test("Markdown is told from code and plain text", () => {
  const rendered = ["It is **ready**, at last.", "Do:\n\n```py\nx = 1\n```", "| a | b |\n|---|---|\n| 1 | 2 |", "See [the docs](https://example.com)."];
  const plain = ["Plain words.", "# a comment\nx = a**b**c", "def f(**kwargs, **more): pass", "- one\n- two", "---\nname: x\n---", "a | b", "call(x)[0](y)", ""];
  expect(rendered.map(looksLikeMarkdown)).toEqual(rendered.map(() => true));
  expect(plain.map(looksLikeMarkdown)).toEqual(plain.map(() => false));
});
