import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { Button } from "../components/Button";

/** A whole key, for as long as one looks at it: it cannot be shown again. */
export function WholeKey({ value }: { value: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <div className="flex items-center gap-2 rounded-md border border-line-strong bg-bg p-1.5 pl-3 max-sm:flex-wrap">
      <code aria-label="The API key" className="min-w-0 flex-1 overflow-x-auto font-mono text-[12px] leading-6 whitespace-nowrap">
        {value}
      </code>
      <Button onClick={() => void navigator.clipboard.writeText(value).then(() => setCopied(true))}>
        {copied ? <Check size={13} className="text-ok" /> : <Copy size={13} />}
        {copied ? "Copied" : "Copy key"}
      </Button>
    </div>
  );
}
