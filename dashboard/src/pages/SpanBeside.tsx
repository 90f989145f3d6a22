import { Link } from "@tanstack/react-router";
import { PanelRightClose } from "lucide-react";
import { lazy, Suspense } from "react";
import { IconButton } from "../components/IconButton";
import { patiently } from "../lib/patience";
import { useLiveTrace } from "../trace-detail/useLiveTrace";

const SpanPanel = lazy(() => patiently(() => import("../trace-detail/SpanPanel").then((module) => ({ default: module.SpanPanel }))));

interface Props {
  traceId: string;
  spanId: string;
  /** Chooses another span of the trace. */
  onSpan: (id: string) => void;
  onClose: () => void;
}

/** A span beside the list of spans. */
export function SpanBeside({ traceId, spanId, onSpan, onClose }: Props) {
  useLiveTrace(traceId, onClose);
  return (
    <aside className="fade-in flex w-[min(600px,60%)] shrink-0 flex-col border-l border-line bg-surface max-md:absolute max-md:inset-0 max-md:z-20 max-md:w-full max-md:border-l-0">
      <div className="flex h-10 shrink-0 items-center gap-2 border-b border-line px-3">
        <Link
          to="/traces/$id"
          params={{ id: traceId }}
          search={{ span: spanId } as never}
          className="min-w-0 truncate text-accent hover:underline"
        >
          Show in its trace
        </Link>
        <IconButton label="Close" className="ml-auto" onClick={onClose}>
          <PanelRightClose size={15} />
        </IconButton>
      </div>
      <div className="min-h-0 flex-1 overflow-hidden">
        <Suspense>
          <SpanPanel
            key={`${traceId}/${spanId}`}
            spanId={spanId}
            traceId={traceId}
            onSpan={onSpan}
            onDeleted={onClose}
          />
        </Suspense>
      </div>
    </aside>
  );
}
