import { AlertDialog } from "radix-ui";
import { useState, type ReactNode } from "react";
import { explain } from "../api/wording";
import { Button } from "./Button";
import { useReturnFocus } from "./useReturnFocus";

/** Asks before something that cannot be undone. With `typed`, the word has to be typed first. */
export function ConfirmDialog({
  open,
  onOpenChange,
  title,
  confirm,
  danger = false,
  typed,
  onConfirm,
  children,
}: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  confirm: string;
  danger?: boolean;
  typed?: string;
  onConfirm: () => Promise<void>;
  children: ReactNode;
}) {
  const [word, setWord] = useState("");
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState(false);
  const returnFocus = useReturnFocus(open, done);
  const [error, setError] = useState<string | null>(null);
  const change = (next: boolean) => {
    setWord("");
    setError(null);
    onOpenChange(next);
  };
  const act = async () => {
    setBusy(true);
    setDone(false);
    setError(null);
    try {
      await onConfirm();
      setDone(true);
      change(false);
    } catch (cause) {
      setError(explain(cause));
    } finally {
      setBusy(false);
    }
  };
  return (
    <AlertDialog.Root open={open} onOpenChange={change}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className="fade-in fixed inset-0 z-40 bg-black/50" />
        <AlertDialog.Content onCloseAutoFocus={returnFocus} className="fade-in fixed top-[30%] left-1/2 z-50 w-[min(420px,calc(100vw-32px))] -translate-x-1/2 rounded-md border outline-none border-line-strong bg-raised p-4 shadow-float">
          <AlertDialog.Title className="text-[16px] font-medium">{title}</AlertDialog.Title>
          <AlertDialog.Description asChild>
            <div className="mt-2 text-muted">{children}</div>
          </AlertDialog.Description>
          {typed !== undefined && (
            <label className="mt-3 block text-muted">
              Type <span className="font-mono text-text">{typed}</span> to go on
              <input
                autoFocus
                value={word}
                onChange={(event) => setWord(event.target.value)}
                className="mt-1 h-7 w-full rounded-md border border-line-strong bg-bg px-2 font-mono text-text"
              />
            </label>
          )}
          {error !== null && <p role="alert" className="mt-3 text-fail">{error}</p>}
          <div className="mt-4 flex justify-end gap-2">
            <AlertDialog.Cancel asChild>
              <Button>Cancel</Button>
            </AlertDialog.Cancel>
            <Button
              look={danger ? "danger" : "primary"}
              disabled={busy || (typed !== undefined && word !== typed)}
              onClick={() => void act()}
            >
              {confirm}
            </Button>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
