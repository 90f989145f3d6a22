import type { ReactNode } from "react";
import type { SpanStatus, Status } from "../api/types";

const DOTS = { completed: "bg-ok", failed: "bg-fail", running: "bg-run motion-safe:animate-pulse" };

export function statusOf(status: SpanStatus | Status): Status {
  return typeof status === "string" ? (status as Status) : "failed";
}

/** A status as a dot; the word is there for those who cannot see it. */
export function StatusDot({ status }: { status: Status }) {
  return <span role="img" aria-label={status} title={status} className={`size-2 shrink-0 rounded-full ${DOTS[status]}`} />;
}

/** Names of models, as many as fit. */
export function ModelChips({ models }: { models: readonly string[] }) {
  if (models.length === 0) return null;
  const shown = models.slice(0, 2);
  return (
    <span className="flex min-w-0 gap-1" title={models.join(", ")}>
      {shown.map((model) => (
        <span key={model} className="min-w-0 truncate rounded border border-line px-1.5 text-[11px] leading-[18px] text-muted">
          {model}
        </span>
      ))}
      {models.length > 2 && <span className="text-[11px] leading-5 text-faint">+{models.length - 2}</span>}
    </span>
  );
}

/** The title line of a page. */
export function PageHead({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <header className="flex h-12 shrink-0 items-center gap-3 border-b border-line px-4">
      <h1 className="min-w-0 truncate text-[16px] font-medium">{title}</h1>
      <div className="ml-auto flex items-center gap-2">{children}</div>
    </header>
  );
}

/** A figure with its name under it. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <div className="num text-[20px] leading-7 font-medium">{children}</div>
      <div className="text-[11px] text-muted">{name}</div>
    </div>
  );
}
