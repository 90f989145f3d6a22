import { expect, test } from "vitest";
import { isPlain, looksLikeMarkdown } from "./looks-like-markdown";

test("Markdown is told from code and plain text", () => {
  const rendered = ["It is **ready**, at last.", "Do:\n\n```py\nx = 1\n```", "| a | b |\n|---|---|\n| 1 | 2 |", "See [the docs](https://example.com)."];
  const plain = ["Plain words.", "# a comment\nx = a**b**c", "def f(**kwargs, **more): pass", "- one\n- two", "---\nname: x\n---", "a | b", "call(x)[0](y)", ""];
  expect(rendered.map(looksLikeMarkdown)).toEqual(rendered.map(() => true));
  expect(plain.map(looksLikeMarkdown)).toEqual(plain.map(() => false));
});

test("a text in which nothing means anything in Markdown is plain", () => {
  const plain = ["Say hello.", "Two paragraphs.\n\nAnd a line\nmore.", "It costs $5 (about 3 - 4 h)."];
  const rendered = ["a *word*", "- one\n- two", "1. one", "# Title", "a\n===", "see https://a.b", "a@b.c", "x_y_z", "`code`", "    code", "&amp;", "a | b"];
  expect(plain.map(isPlain)).toEqual(plain.map(() => true));
  expect(rendered.map(isPlain)).toEqual(rendered.map(() => false));
});
