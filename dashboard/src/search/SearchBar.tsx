import { useQuery } from "@tanstack/react-query";
import { Search, X } from "lucide-react";
import { useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { flushSync } from "react-dom";
import { api } from "../api/client";
import type { Summary } from "../api/types";
import { useMediaQuery } from "../lib/media";
import { isInvalid, suggest, tokensOf, type Suggestion } from "./language";

/** The query of a list, with suggestions. `Tab` accepts one, Enter runs the query, Esc leaves. `/` comes here. */
export function SearchBar({
  value,
  onRun,
  error,
  placeholder,
}: {
  value: string;
  onRun: (query: string) => void;
  error?: string | null;
  placeholder: string;
}) {
  const [draft, setDraft] = useState(value);
  const [caret, setCaret] = useState(value.length);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const list = useId();
  // Examples help only where they fit.
  const hint = useMediaQuery("(max-width: 767px)") ? placeholder.split(":")[0] : placeholder;
  useEffect(() => setDraft(value), [value]);
  const summary = useQuery({
    queryKey: ["summary"],
    queryFn: ({ signal }) => api.get<Summary>("/api/analytics/summary", { signal }),
    enabled: open,
    staleTime: 60_000,
  });
  const suggestions = useMemo(
    () =>
      open
        ? suggest(draft, caret, { models: summary.data?.models_used ?? [], providers: summary.data?.providers_used ?? [] })
        : [],
    [open, draft, caret, summary.data],
  );

  const accept = (suggestion: Suggestion) => {
    // At once: whatever is typed next goes where the caret then stands.
    flushSync(() => {
      setDraft(suggestion.query);
      setCaret(suggestion.caret);
      setActive(-1);
    });
    input.current?.focus();
    input.current?.setSelectionRange(suggestion.caret, suggestion.caret);
  };
  const run = (query: string) => {
    setOpen(false);
    setActive(-1);
    onRun(query.trim());
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const chosen = suggestions[active] ?? (event.key === "Tab" ? suggestions[0] : undefined);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      setOpen(true);
      setActive((at) => Math.max(-1, Math.min(suggestions.length - 1, at + step)));
    } else if (event.key === "Tab" && chosen !== undefined && draft !== "") {
      accept(chosen);
    } else if (event.key === "Enter") {
      if (active >= 0 && chosen !== undefined) accept(chosen);
      else run(draft);
    } else if (event.key === "Escape") {
      setOpen(false);
      input.current?.blur();
    } else {
      return;
    }
    event.preventDefault();
  };
  const invalid = tokensOf(draft).filter((token) => isInvalid(token.text));
  const wrong = error ?? (invalid.length > 0 && !open ? `${invalid[0]?.text} cannot be understood` : null);

  return (
    <div className="relative min-w-0 flex-1">
      <Search size={14} className="pointer-events-none absolute top-[7px] left-2 text-faint" />
      <input
        ref={input}
        data-search
        role="combobox"
        aria-expanded={suggestions.length > 0}
        aria-controls={list}
        aria-label={placeholder}
        aria-invalid={wrong !== null}
        spellCheck={false}
        autoComplete="off"
        placeholder={hint}
        value={draft}
        onChange={(event) => {
          setDraft(event.target.value);
          setCaret(event.target.selectionStart ?? event.target.value.length);
          setOpen(true);
          setActive(-1);
        }}
        onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
        className={`h-7 w-full rounded-md border bg-bg pr-7 pl-7 font-mono text-[12px] placeholder:font-sans placeholder:text-[13px] placeholder:text-faint ${
          wrong === null ? "border-line-strong" : "border-fail"
        }`}
      />
      {draft !== "" && (
        <button
          type="button"
          aria-label="Clear the search"
          onClick={() => {
            setDraft("");
            run("");
          }}
          className="absolute top-1 right-1 flex size-5 items-center justify-center rounded text-faint hover:text-text"
        >
          <X size={13} />
        </button>
      )}
      {wrong !== null && (
        <p role="alert" className="absolute top-8 left-0 z-20 rounded border border-line bg-raised px-2 py-1 text-fail shadow-float">
          {wrong}
        </p>
      )}
      {suggestions.length > 0 && wrong === null && (
        <ul
          id={list}
          role="listbox"
          // Tab passes it by, although it scrolls.
          tabIndex={-1}
          className="fade-in absolute top-8 left-0 z-30 max-h-80 w-full max-w-[440px] min-w-[min(340px,calc(100vw-32px))] overflow-y-auto rounded-md border border-line-strong bg-raised p-1 shadow-float"
        >
          {suggestions.map((suggestion, index) => (
            <li
              key={suggestion.label}
              role="option"
              aria-selected={index === active}
              onMouseDown={(event) => {
                event.preventDefault();
                accept(suggestion);
              }}
              className={`flex h-7 items-center justify-between gap-4 rounded px-2 ${index === active ? "chosen" : "hover:bg-hover"}`}
            >
              <span className={`font-mono text-[12px] ${suggestion.hint === "" ? "truncate" : "shrink-0"}`} title={suggestion.label}>{suggestion.label}</span>
              <span className="min-w-0 truncate text-faint">{suggestion.hint}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
