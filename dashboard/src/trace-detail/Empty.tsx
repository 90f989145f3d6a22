import type { ReactNode } from "react";

interface Props {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  /** As high as its container, which is no flex box. */
  full?: boolean;
}

/** A calm note in the middle of a panel: what is missing, and what to do. */
export function Empty({ title, children, action, full = false }: Props) {
  return (
    <div className={`flex flex-1 flex-col items-center justify-center gap-1.5 px-6 py-16 text-center ${full ? "h-full" : ""}`}>
      <h2 className="text-[14px] font-medium">{title}</h2>
      {children && <p className="max-w-[46ch] text-[13px] leading-5 text-muted">{children}</p>}
      {action && <div className="mt-2">{action}</div>}
    </div>
  );
}

/** What a tab says of a span without input and output. */
export function NoPayload() {
  return <Empty title="No input or output">This span was recorded without a payload.</Empty>;
}
