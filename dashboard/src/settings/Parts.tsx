import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useAccount, useMay } from "../account/account";
import { Alert } from "../components/Alert";

/** A part of a settings page, with what it is about. */
export function Section({ title, about, action, children }: { title: string; about?: ReactNode; action?: ReactNode; children: ReactNode }) {
  return (
    <section aria-label={title} className="mb-10">
      <div className="mb-3 flex items-end gap-4">
        <div className="min-w-0">
          <h2 className="text-[14px] font-medium">{title}</h2>
          {about !== undefined && <p className="mt-0.5 text-muted">{about}</p>}
        </div>
        {action !== undefined && <div className="ml-auto">{action}</div>}
      </div>
      {children}
    </section>
  );
}

/** Lines under each other, with a frame around them. */
export function Lines({ children }: { children: ReactNode }) {
  return <div className="divide-y divide-line rounded-md border border-line">{children}</div>;
}

/** A name with its value, or with what changes it. */
export function Line({ name, about, children }: { name: ReactNode; about?: ReactNode; children: ReactNode }) {
  return (
    <div className="flex min-h-11 items-center gap-x-6 gap-y-2 px-4 py-2 max-md:flex-wrap">
      <div className="min-w-0 flex-1">
        <div>{name}</div>
        {about !== undefined && <div className="text-muted">{about}</div>}
      </div>
      <div className="num flex min-w-0 shrink-0 items-center gap-2 text-right">{children}</div>
    </div>
  );
}

/** A table of few rows. Columns named in `narrow` go on narrow screens. */
export function Table({ label, heads, children }: { label: string; heads: readonly { title: string; hidden?: boolean; className?: string }[]; children: ReactNode }) {
  return (
    <div className="overflow-x-auto rounded-md border border-line">
      <table aria-label={label} className="w-full text-left">
        <thead>
          <tr className="border-b border-line text-[11px] text-muted">
            {heads.map(({ title, hidden = false, className = "" }) => (
              <th key={title} className={`h-8 px-3 font-normal whitespace-nowrap first:pl-4 last:pr-3 ${className}`}>
                {hidden ? <span className="sr-only">{title}</span> : title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">{children}</tbody>
      </table>
    </div>
  );
}

export const CELL = "h-10 px-3 first:pl-4 last:pr-3";

/** Says that the plan is used up, and the way to a larger one for those who may buy it. */
export function PlanLimit({ children }: { children: ReactNode }) {
  const account = useAccount();
  const mayBuy = useMay("admin") && account.mode === "cloud" && account.features.includes("billing");
  return (
    <Alert look="run" role="status" className="mb-3">
      {children}{" "}
      {mayBuy && (
        <Link to="/settings/billing" search={{} as never} className="whitespace-nowrap text-accent underline underline-offset-2">
          See the plans
        </Link>
      )}
    </Alert>
  );
}

/** Rows that are on their way. */
export function RowsSkeleton({ rows = 3 }: { rows?: number }) {
  return (
    <div role="group" aria-busy="true" aria-label="Loading" className="flex flex-col gap-3 rounded-md border border-line p-4">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className="skeleton h-5" style={{ width: `${90 - index * 14}%` }} />
      ))}
    </div>
  );
}
