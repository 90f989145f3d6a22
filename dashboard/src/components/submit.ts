import { useState, type FormEvent } from "react";
import { ApiError } from "../api/client";
import { explain } from "../api/wording";

/** Why a form could not be sent. */
export interface Refusal {
  error: unknown;
  /** The member that is wrong, when it is one. */
  field: string | undefined;
  text: string;
}

/** A form that is sent once at a time and keeps why it was refused, until it is sent again. */
export function useSubmit(send: () => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const submit = async (event?: FormEvent) => {
    event?.preventDefault();
    if (busy) return;
    setBusy(true);
    setRefusal(null);
    try {
      await send();
    } catch (error) {
      setRefusal({ error, field: error instanceof ApiError ? error.field : undefined, text: explain(error) });
    } finally {
      setBusy(false);
    }
  };
  /** What is wrong with one of the fields on screen. */
  const of = (field: string) => (refusal?.field === field ? refusal.text : null);
  /** What is wrong besides those fields. */
  const besides = (...fields: string[]) => (refusal !== null && !fields.includes(refusal.field ?? "") ? refusal.text : null);
  return { busy, refusal, submit: (event?: FormEvent) => void submit(event), of, besides, forget: () => setRefusal(null) };
}
