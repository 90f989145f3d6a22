import { ImageIcon } from "lucide-react";
import { useState } from "react";

interface Props {
  source: string | null;
  description: string | null;
}

/**
 * An image of a prompt or an answer.
 *
 * Images that came with the call are shown at once. A remote one is fetched only on request: its
 * server would learn who reads this trace, and when.
 */
export function InlineImage({ source, description }: Props) {
  const [wanted, setWanted] = useState(false);
  const [large, setLarge] = useState(false);
  const [broken, setBroken] = useState(false);
  const remote = source !== null && !source.startsWith("data:");
  if (source === null || broken) {
    return <Placeholder>{broken ? "Image cannot be shown" : (description ?? "Image not recorded")}</Placeholder>;
  }
  if (remote && !wanted) {
    return (
      <button
        type="button"
        onClick={() => setWanted(true)}
        title={source}
        className="inline-flex h-9 max-w-full items-center gap-2 rounded-md border border-line bg-surface px-3 text-[13px] text-muted hover:border-line-strong hover:text-text"
      >
        <ImageIcon size={14} className="shrink-0" />
        <span className="truncate">Load image from {hostOf(source)}</span>
      </button>
    );
  }
  return (
    <button
      type="button"
      onClick={() => setLarge(!large)}
      aria-label={large ? "Shrink image" : "Enlarge image"}
      className={`my-1 block max-w-full overflow-hidden rounded-md border border-line bg-surface ${
        large ? "cursor-zoom-out" : "cursor-zoom-in"
      }`}
    >
      <img
        src={source}
        alt={description ?? "Image in the conversation"}
        referrerPolicy="no-referrer"
        onError={() => setBroken(true)}
        className={large ? "max-w-full" : "max-h-64 max-w-full object-contain"}
      />
    </button>
  );
}

function Placeholder({ children }: { children: string }) {
  return (
    <span className="inline-flex h-9 items-center gap-2 rounded-md border border-dashed border-line px-3 text-[13px] text-muted">
      <ImageIcon size={14} />
      {children}
    </span>
  );
}

function hostOf(address: string): string {
  try {
    return new URL(address).host || "another server";
  } catch {
    return "another server";
  }
}
