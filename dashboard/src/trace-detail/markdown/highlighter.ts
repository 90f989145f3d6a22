import highlighter from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import go from "highlight.js/lib/languages/go";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";

const languages = {
  bash,
  css,
  diff,
  go,
  java,
  javascript,
  json,
  python,
  rust,
  sql,
  typescript,
  xml,
  yaml,
};
for (const [name, language] of Object.entries(languages)) {
  highlighter.registerLanguage(name, language);
}
highlighter.registerAliases(["jsx"], { languageName: "javascript" });
highlighter.registerAliases(["tsx"], { languageName: "typescript" });
highlighter.registerAliases(["shell", "console"], { languageName: "bash" });

/** Longer code is shown plain, since colouring it would stall the page. */
const longest = 40_000;

/** HTML with highlight classes, every character of the code escaped; null when left plain. */
export function highlighted(code: string, language: string | undefined): string | null {
  if (!language || code.length > longest || !highlighter.getLanguage(language)) return null;
  return highlighter.highlight(code, { language, ignoreIllegals: true }).value;
}
