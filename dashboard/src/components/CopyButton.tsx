import { Check, Copy } from "lucide-react";
import { useEffect, useState, type ReactNode } from "react";

/** Copies `text` and says so for a moment. */
export function CopyButton({
  text,
  label,
  className = "",
  icon,
}: {
  text: string | (() => string);
  label: string;
  className?: string;
  icon?: ReactNode;
}) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1200);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () =>
    void navigator.clipboard.writeText(typeof text === "string" ? text : text()).then(() => setCopied(true));
  return (
    <button
      type="button"
      aria-label={copied ? "Copied" : label}
      title={label}
      onClick={copy}
      className={`flex size-6 shrink-0 items-center justify-center rounded text-muted hover:bg-hover hover:text-text ${className}`}
    >
      {copied ? <Check size={13} className="text-ok" /> : (icon ?? <Copy size={13} />)}
    </button>
  );
}
