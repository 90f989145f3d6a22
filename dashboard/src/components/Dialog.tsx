import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { useReturnFocus } from "./useReturnFocus";

/** Something to fill in over the page. Esc and a press beside it close it. */
export function Dialog({
  open,
  onOpenChange,
  title,
  description,
  children,
  width = 440,
}: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description?: ReactNode;
  children: ReactNode;
  width?: number;
}) {
  const returnFocus = useReturnFocus(open);
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fade-in fixed inset-0 z-40 bg-black/50" />
        <Radix.Content
          onCloseAutoFocus={returnFocus}
          {...(description === undefined ? { "aria-describedby": undefined } : {})}
          style={{ width: `min(${width}px, calc(100vw - 32px))` }}
          className="fade-in fixed top-[min(22%,160px)] left-1/2 z-50 max-h-[calc(100vh-64px)] -translate-x-1/2 overflow-y-auto rounded-md border border-line-strong bg-raised p-5 shadow-float outline-none max-md:top-8"
        >
          <Radix.Title className="text-[16px] font-medium">{title}</Radix.Title>
          {description !== undefined && <Radix.Description className="mt-1 text-muted">{description}</Radix.Description>}
          <div className="mt-4">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
