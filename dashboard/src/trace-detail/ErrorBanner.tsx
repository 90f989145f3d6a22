import { CircleAlert } from "lucide-react";
import { useState } from "react";
import { CopyButton } from "../components/CopyButton";

/** Longer errors, such as stack traces, are cut until expanded. */
const longError = 600;

/** Why a span failed, in the words of whoever failed. */
export function ErrorBanner({ error }: { error: string }) {
  const [whole, setWhole] = useState(false);
  const cut = !whole && (error.length > longError || error.split("\n").length > 8);
  const shown = cut ? error.slice(0, longError).split("\n").slice(0, 8).join("\n") : error;
  return (
    <div role="alert" className="flex shrink-0 items-start gap-2.5 border-b border-line border-l-2 border-l-fail bg-fail/8 py-2.5 pr-3 pl-4">
      <CircleAlert size={15} className="mt-0.5 shrink-0 text-fail" />
      <div className="min-w-0 flex-1">
        <p dir="auto" className="max-h-80 overflow-auto font-mono text-[12px] leading-5 whitespace-pre-wrap text-text [overflow-wrap:anywhere]">
          {shown}
          {cut && <span className="text-muted"> …</span>}
        </p>
        {cut && (
          <button type="button" onClick={() => setWhole(true)} className="mt-1 text-[12px] text-accent hover:underline">
            Show all {error.length.toLocaleString("en-US")} characters
          </button>
        )}
      </div>
      <CopyButton text={error} label="Copy error" />
    </div>
  );
}
