import { describe, expect, it } from "vitest";
import { markdownBlocks, opening, wordCount } from "./blocks";

const paragraph = `${"word ".repeat(100).trim()}.\n\n`;

describe("markdownBlocks", () => {
  it("leaves short text alone", () => {
    expect(markdownBlocks("# Hi\n\nthere")).toEqual(["# Hi\n\nthere"]);
  });

  it("cuts a long answer into blocks and loses nothing", () => {
    const text = paragraph.repeat(500);
    const blocks = markdownBlocks(text);
    expect(blocks.length).toBeGreaterThan(20);
    expect(blocks.join("")).toBe(text);
  });

  it("never cuts inside a code fence", () => {
    const code = `\`\`\`python\n${"x = 1\n\n".repeat(2_000)}\`\`\`\n\n`;
    const text = `${paragraph.repeat(3)}${code}${paragraph.repeat(30)}`;
    for (const block of markdownBlocks(text)) {
      expect((block.match(/```/g)?.length ?? 0) % 2).toBe(0);
    }
  });

  it("bounds a block even when there is no place to cut", () => {
    const text = "x".repeat(500_000);
    const blocks = markdownBlocks(text);
    expect(Math.max(...blocks.map((block) => block.length))).toBeLessThan(60_000);
    expect(blocks.join("")).toBe(text);
  });
});

describe("opening", () => {
  it("ends at a paragraph where there is one", () => {
    const text = `${"a".repeat(700)}\n\n${"b".repeat(700)}`;
    expect(opening(text, 1_000)).toBe("a".repeat(700));
  });
});

describe("wordCount", () => {
  it("counts words, and characters of scripts without spaces", () => {
    expect(wordCount("one two  three")).toBe(3);
    expect(wordCount("月".repeat(100))).toBe(50);
  });
});
