import { useState } from "react";
import { JsonViewer } from "../json/JsonViewer";
import { looksLikeMarkdown } from "../markdown/looks-like-markdown";
import { MarkdownText } from "../markdown/MarkdownText";
import { isFields } from "./part";

/** Texts in a table cell longer than this are cut until expanded. */
const longCell = 320;
/** Objects with more members than this are better folded than tabled. */
const mostCells = 16;

/** A value as people like to read it: names and values in a table, deeper things as JSON. */
export function ValueView({ value, label }: { value: unknown; label: string }) {
  if (isFields(value)) {
    const members = Object.entries(value);
    if (members.length === 0) return <Nothing>no arguments</Nothing>;
    if (members.length <= mostCells) {
      return (
        <table className="w-full table-fixed border-collapse text-[13px]">
          <colgroup>
            <col className="w-[28%] max-w-44" />
            <col />
          </colgroup>
          <tbody>
            {members.map(([name, member]) => (
              <tr key={name} className="border-t border-line first:border-t-0">
                <th
                  scope="row"
                  className="px-3 py-1.5 text-left align-top font-mono text-[12px] font-normal text-muted [overflow-wrap:anywhere]"
                >
                  {name}
                </th>
                <td className="py-1.5 pr-3 align-top">
                  <Cell value={member} label={name} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      );
    }
  }
  if (typeof value === "object" && value !== null) {
    return (
      <div className="py-1">
        <JsonViewer value={value} label={label} bare />
      </div>
    );
  }
  return (
    <div className="px-3 py-1.5 text-[13px]">
      <Cell value={value} label={label} />
    </div>
  );
}

function Cell({ value, label }: { value: unknown; label: string }) {
  if (typeof value === "string") {
    return looksLikeMarkdown(value) ? <MarkdownText text={value} limit={3_000} /> : <LongText text={value} />;
  }
  if (typeof value === "object" && value !== null) {
    if (isSmall(value)) {
      return <span className="font-mono text-[12px] [overflow-wrap:anywhere]">{inOneLine(value)}</span>;
    }
    return (
      <div className="-ml-2">
        <JsonViewer value={value} label={label} bare />
      </div>
    );
  }
  if (value === null || value === undefined) return <span className="text-muted">null</span>;
  return <span className="font-mono text-[12px] tabular-nums">{String(value)}</span>;
}

/** Few plain members, which need no unfolding. */
function isSmall(value: object): boolean {
  const members: unknown[] = Object.values(value);
  return members.length <= 6 && members.every((member) => typeof member !== "object" || member === null) && inOneLine(value).length <= 72;
}

/** A value on one line, without quotes around names. */
export function inOneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.slice(0, 40).map(brief).join(", ")}]`;
  if (isFields(value)) {
    return Object.entries(value)
      .slice(0, 40)
      .map(([name, member]) => `${name}: ${brief(member)}`)
      .join(", ");
  }
  return brief(value);
}

function brief(value: unknown): string {
  if (typeof value === "string") return value.length > 120 ? `${value.slice(0, 120)}…` : value;
  if (Array.isArray(value)) return value.length === 0 ? "[]" : "[…]";
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0 ? "{}" : "{…}";
  return String(value);
}

/** Text as it was written, cut when long. */
export function LongText({ text, mono = false }: { text: string; mono?: boolean }) {
  const [whole, setWhole] = useState(false);
  if (text === "") return <span className="text-muted">empty</span>;
  const cut = !whole && text.length > longCell * 1.25;
  // Beyond this the browser would lay out for seconds; the JSON tab shows the rest in pieces.
  const shown = cut ? text.slice(0, longCell) : text.slice(0, 200_000);
  return (
    <div dir="auto" className={`whitespace-pre-wrap [overflow-wrap:anywhere] ${mono ? "font-mono text-[12px] leading-5" : ""}`}>
      {shown}
      {cut && (
        <>
          <span className="text-muted">… </span>
          <button type="button" onClick={() => setWhole(true)} className="text-[12px] text-accent hover:underline">
            Expand {text.length.toLocaleString("en-US")} characters
          </button>
        </>
      )}
      {!cut && text.length > shown.length && (
        <span className="text-muted">… the JSON tab shows the rest</span>
      )}
    </div>
  );
}

function Nothing({ children }: { children: string }) {
  return <div className="px-3 py-1.5 text-[12px] text-muted">{children}</div>;
}
