import { useQueryClient } from "@tanstack/react-query";
import { CircleCheck, CircleX, ListChecks } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useEffect, useRef, useState } from "react";
import { api, ApiError } from "../api/client";
import { renew } from "../api/fresh";
import { spanPath, spanQuery, traceQuery } from "../api/trace";
import type { Span } from "../api/types";
import { Alert } from "../components/Alert";
import { Button } from "../components/Button";
import { Dialog } from "../components/Dialog";
import { TextField } from "../components/Field";
import { IconButton } from "../components/IconButton";
import { MENU, MENU_ITEM } from "../components/menu";
import { useSubmit } from "../components/submit";

/** Ends a running span whose sender will not: as completed, or as failed with a reason. `onOpen` hears whether it is open. */
export default function FinishMenu({ span, onOpen }: { span: Span; onOpen: (open: boolean) => void }) {
  const finish = useFinish(span);
  const [open, setOpen] = useState(false);
  const [failing, setFailing] = useState(false);
  const completion = useSubmit(async () => {
    await finish("complete");
    setOpen(false);
  });
  const trigger = useRef<HTMLButtonElement>(null);
  useEffect(() => onOpen(open || failing), [onOpen, open, failing]);

  const change = (next: boolean) => {
    // Nobody would see why it was refused.
    if (completion.busy) return;
    completion.forget();
    setOpen(next);
  };
  return (
    <>
      <DropdownMenu.Root modal={false} open={open} onOpenChange={change}>
        <DropdownMenu.Trigger asChild ref={trigger}>
          <IconButton label="Finish span">
            <ListChecks size={14} />
          </IconButton>
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content
            align="end"
            sideOffset={4}
            collisionPadding={8}
            className={`${MENU} text-[13px]`}
            onCloseAutoFocus={(event) => {
              if (trigger.current !== null) return;
              // The span no longer runs, so what opened the menu is gone.
              event.preventDefault();
              document.querySelector<HTMLElement>("main")?.focus();
            }}
          >
            <DropdownMenu.Item
              className={MENU_ITEM}
              disabled={completion.busy}
              onSelect={(event) => {
                event.preventDefault();
                completion.submit();
              }}
            >
              <CircleCheck size={13} className="text-muted" /> Mark as completed
            </DropdownMenu.Item>
            <DropdownMenu.Item className={MENU_ITEM} disabled={completion.busy} onSelect={() => setFailing(true)}>
              <CircleX size={13} className="text-muted" /> Mark as failed…
            </DropdownMenu.Item>
            {completion.refusal !== null && <p role="alert" className="max-w-[240px] px-2 py-1 text-[11px] text-fail">{completion.refusal.text}</p>}
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
      <Dialog open={failing} onOpenChange={setFailing} title="Mark this span as failed?" description="It ends now. A span that has ended cannot be started again.">
        <FailForm
          onFail={async (reason) => {
            await finish("fail", reason === "" ? {} : { error: reason });
            setFailing(false);
          }}
          onCancel={() => setFailing(false)}
        />
      </Dialog>
    </>
  );
}

function FailForm({ onFail, onCancel }: { onFail: (reason: string) => Promise<void>; onCancel: () => void }) {
  const [reason, setReason] = useState("");
  const form = useSubmit(() => onFail(reason.trim()));
  return (
    <form onSubmit={form.submit} className="flex flex-col gap-4">
      <TextField
        label="Error"
        value={reason}
        onChange={(event) => setReason(event.target.value)}
        autoFocus
        placeholder="Unknown error"
        hint="What went wrong, as it will stand on the span."
        error={form.of("error")}
      />
      {form.besides("error") !== null && <Alert look="fail" role="alert">{form.besides("error")}</Alert>}
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" look="danger" disabled={form.busy}>
          Mark as failed
        </Button>
      </div>
    </form>
  );
}

/** Returns what ends the span, which the page then shows as the API knows it. */
function useFinish({ id, trace_id: traceId }: Span) {
  const client = useQueryClient();
  return async (how: "complete" | "fail", body?: { error?: string }) => {
    const refusal = await api.post(spanPath(traceId, id, how), body).then(() => null, (error: unknown) => error);
    // A span that has ended meanwhile is shown as such, too.
    const hasEnded = refusal === null || (refusal instanceof ApiError && refusal.status === 409);
    if (hasEnded) await Promise.all([
      renew(client, spanQuery(traceId, id).queryKey),
      renew(client, traceQuery(traceId).queryKey),
    ]);
    if (refusal !== null) throw refusal;
  };
}
