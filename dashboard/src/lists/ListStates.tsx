import { ArrowUp } from "lucide-react";
import { Button } from "../components/Button";
import { Notice } from "../components/Notices";
import type { ListSearch } from "./search";

/** What is said when nothing matches: which filter to drop. */
export function NoMatch({
  search,
  onChange,
  what,
}: {
  search: ListSearch;
  onChange: (change: Partial<ListSearch>) => void;
  what: string;
}) {
  const filtered = search.q !== undefined;
  const ranged = search.since !== undefined || search.until !== undefined;
  const status = search.status;
  return (
    <Notice
      title={`No ${what} match`}
      action={
        <>
          {filtered && <Button onClick={() => onChange({ q: undefined })}>Drop the search</Button>}
          {status !== undefined && <Button onClick={() => onChange({ status: undefined })}>Drop “{status}”</Button>}
          {ranged && <Button onClick={() => onChange({ since: undefined, until: undefined })}>Look at all time</Button>}
        </>
      }
    >
      {filtered && (
        <>
          {status === undefined ? "Nothing has" : `No ${status} ${what} have`} <code className="font-mono text-text">{search.q}</code>
          {ranged ? " in this time." : "."}
        </>
      )}
      {!filtered && status !== undefined && `Only ${status} ${what} are shown, and there are none${ranged ? " in this time" : ""}.`}
      {!filtered && status === undefined && ranged && "Nothing happened in this time."}
    </Notice>
  );
}

/** What is said when the server cannot read the query. */
export function Misunderstood({ error, onChange }: { error: string; onChange: (change: Partial<ListSearch>) => void }) {
  return (
    <Notice title="The search cannot be understood" action={<Button onClick={() => onChange({ q: undefined })}>Drop the search</Button>}>
      {error}
    </Notice>
  );
}

/** Ends a list whose further rows could not be loaded. */
export function EndFailed({ error, onRetry }: { error: Error | null; onRetry: () => void }) {
  if (error === null) return null;
  return (
    <div role="alert" className="sticky left-0 flex items-center justify-center gap-3 px-4 py-3 text-muted">
      <span className="min-w-0 truncate">Further rows could not be loaded: {error.message}</span>
      <Button onClick={onRetry}>Try again</Button>
    </div>
  );
}

/** Says that rows wait above; a press shows them. */
export function NewRows({ what, onShow }: { what: string; onShow: () => void }) {
  return (
    <button
      type="button"
      onClick={onShow}
      className="fade-in absolute top-10 left-1/2 z-20 flex h-7 -translate-x-1/2 items-center gap-1.5 rounded-full border border-accent bg-raised px-3 text-accent shadow-float"
    >
      <ArrowUp size={13} />
      New {what} available
    </button>
  );
}
