import type { ReactNode } from "react";

const LOOKS = {
  fail: "border-fail/40 text-fail",
  run: "border-run/40",
  ok: "border-ok/40",
  plain: "border-line-strong",
};

/** A note within a page: what was refused, what is nearly used up, what was done. */
export function Alert({ look = "plain", role, children, className = "" }: { look?: keyof typeof LOOKS; role?: "alert" | "status"; children: ReactNode; className?: string }) {
  return (
    <div role={role} className={`rounded-md border px-3 py-2 ${LOOKS[look]} ${className}`}>
      {children}
    </div>
  );
}
