import { stringify, type ScalarTag } from "yaml";
import { TOO_DEEP } from "./printed";

/**
 * Returns members of a JSON object as YAML; null when it has none of them.
 *
 * Numbers keep their digits, texts with several lines become block literals, and nothing is folded.
 */
export function yamlOf(json: string, members: readonly string[]): string | null {
  const mark = `number ${Math.random()} `;
  const whole = JSON.parse(withMarkedNumbers(json, mark)) as Record<string, unknown>;
  const value = Object.fromEntries(members.filter((name) => whole[name] !== undefined).map((name) => [name, whole[name]]));
  if (Object.keys(value).length === 0) return null;
  try {
    return stringify(value, {
      lineWidth: 0,
      blockQuote: "literal",
      aliasDuplicateObjects: false,
      // Words such as `no` are quoted, since older readers take them for something else than text.
      compat: "yaml-1.1",
      customTags: (tags) => [markedNumber(mark), ...tags],
    });
  } catch {
    return TOO_DEEP;
  }
}

const textOrNumber = /"(?:[^"\\]+|\\.)*"|-?\d[\d.eE+-]*/g;

/** Turns numbers that a double would write otherwise into marked texts. */
function withMarkedNumbers(json: string, mark: string): string {
  return json.replace(textOrNumber, (found) =>
    found.startsWith('"') || String(Number(found)) === found ? found : `"${mark}${found}"`,
  );
}

/** Writes marked texts as the numbers they were. */
function markedNumber(mark: string): ScalarTag {
  return {
    default: true,
    tag: "tag:yaml.org,2002:float",
    identify: (value) => typeof value === "string" && value.startsWith(mark),
    resolve: (source) => source,
    stringify: ({ value }) => String(value).slice(mark.length),
  };
}
