import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { yamlOf } from "./yaml";

const written = (input: unknown) => yamlOf(JSON.stringify({ input }), ["input"]) ?? "";
const read = (input: unknown) => (parse(written(input)) as { input: unknown }).input;

describe("yamlOf", () => {
  it("writes the members asked for, in that order", () => {
    const json = '{"id":"a","output":{"ok":true,"none":null},"input":[1,{"b":[]}]}';
    expect(yamlOf(json, ["input", "output"])).toBe("input:\n  - 1\n  - b: []\noutput:\n  ok: true\n  none: null\n");
    expect(yamlOf('{"id":"a"}', ["input", "output"])).toBeNull();
    expect(yamlOf('{"input":null}', ["input"])).toBe("input: null\n");
  });

  it("writes a text with several lines as a block literal and folds no line", () => {
    const line = "word ".repeat(100).trim();
    expect(written(`${line}\n\n  indented: yes\nlast`)).toBe(`input: |-\n  ${line}\n\n    indented: yes\n  last\n`);
    expect(written(line)).toBe(`input: ${line}\n`);
  });

  it("keeps every text as it is", () => {
    const texts = ["", " ", "\n", "a\n", "a\n\n", "\n a", "a\n  ", "a\r\nb", "# no comment", "- a", "a: b", "null", "no", "1e3", "0x1f", "2026-03-01", "\u0000", "\ud800", "😀", "\t- tab\n\tb", "---\na", "...", "<<", "{{ name }}", "`a`", "\u2028"];
    expect(read(texts)).toEqual(texts);
    const members = Object.fromEntries(texts.map((text) => [text, text]));
    expect(read(members)).toEqual(members);
  });

  it("quotes words that older readers take for something else than text", () => {
    expect(written(["no", "on", "1_000", "12:30:00"])).toBe('input:\n  - "no"\n  - "on"\n  - "1_000"\n  - "12:30:00"\n');
  });

  it("changes no digit of a number", () => {
    const numbers = ["0", "-0", "7", "1.0", "0.10", "12345678901234567890", "0.1000000000000000055511151231257827", "1e400", "1E-7", "-9007199254740993"];
    expect(yamlOf(`{"input":[${numbers.join(",")}]}`, ["input"])).toBe(`input:\n${numbers.map((number) => `  - ${number}\n`).join("")}`);
  });

  it("takes no text for a number", () => {
    const texts = ["12345678901234567890", '"1.0"', "\\", 'a \\" 1.0'];
    expect(read(texts)).toEqual(texts);
    expect(read({ "1.0": "2.0" })).toEqual({ "1.0": "2.0" });
  });

  it("says of hostile nesting that it is too deep", () => {
    const json = `{"input":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
    expect(yamlOf(json, ["input"])).toMatch(/nested too deeply/);
  });

  it("writes what occurs twice twice", () => {
    const same = { a: [1] };
    expect(written([same, same])).toBe("input:\n  - a:\n      - 1\n  - a:\n      - 1\n");
  });
});
