import type { ReactNode } from "react";
import { ApiError } from "../api/client";
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

/** What went wrong, in the API's words, and another try. */
export function Failed({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const unreachable = error instanceof ApiError && error.status === 0;
  return (
    <Notice
      title={unreachable ? "The server cannot be reached" : "This cannot be shown"}
      action={<Button onClick={onRetry}>Try again</Button>}
    >
      {unreachable ? "Is traceway serve still running? The page goes on as soon as it answers." : error.message}
    </Notice>
  );
}
