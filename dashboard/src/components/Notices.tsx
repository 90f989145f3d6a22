import type { ReactNode } from "react";
import { ApiError } from "../api/client";
import { explain, headingOf } from "../api/wording";
import { Button } from "./Button";

/** A calm note in the middle of a page: what is missing, and what to do. */
export function Notice({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="flex flex-1 flex-col items-center justify-center gap-1.5 px-6 py-16 text-center">
      <h2 className="text-[14px] font-medium">{title}</h2>
      {children !== undefined && <div className="max-w-[min(52ch,100%)] text-muted">{children}</div>}
      {action !== undefined && <div className="mt-3 flex gap-2">{action}</div>}
    </div>
  );
}

/** Whether the page comes from a server on the reader's own machine. */
const isAtHome = /^(localhost|127\.|\[::1\]|0\.0\.0\.0)/.test(location.hostname);

/** What went wrong, in the API's words where there are no better ones, and another try. */
export function Failed({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const unreachable = error instanceof ApiError && error.status === 0;
  const cause = isAtHome ? "Is traceway serve still running?" : "Is this computer online?";
  return (
    <Notice title={headingOf(error)} action={<Button onClick={onRetry}>Try again</Button>}>
      {unreachable ? `${cause} The page goes on as soon as it answers.` : explain(error)}
    </Notice>
  );
}
