import { useEffect, useMemo, useState } from "react";

type Highlight = (code: string, language: string | undefined) => string | null;

let loaded: Highlight | null = null;

/** HTML of code in colours, as soon as what colours it has come; null until then, and when it stays plain. */
export function useHighlighted(code: string | null, language: string | undefined): string | null {
  const [highlight, setHighlight] = useState<Highlight | null>(() => loaded);
  const wanted = code !== null && language !== undefined && highlight === null;
  useEffect(() => {
    if (!wanted) return;
    let gone = false;
    void import("./highlighter").then(
      (module) => {
        loaded = module.highlighted;
        if (!gone) setHighlight(() => loaded);
      },
      // Code without colours reads as well.
      () => undefined,
    );
    return () => {
      gone = true;
    };
  }, [wanted]);
  return useMemo(() => (code === null || highlight === null ? null : highlight(code, language)), [code, language, highlight]);
}
