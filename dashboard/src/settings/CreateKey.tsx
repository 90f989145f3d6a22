import { useId, useState } from "react";
import { api } from "../api/client";
import type { CreatedKey } from "../api/types";
import { Alert } from "../components/Alert";
import { Button } from "../components/Button";
import { Dialog } from "../components/Dialog";
import { SelectField, TextField } from "../components/Field";
import { useSubmit } from "../components/submit";
import { PRESETS } from "./plans";
import { WholeKey } from "./WholeKey";

const LIVES: readonly [string, string][] = [
  ["", "Never"],
  ["30", "In 30 days"],
  ["90", "In 90 days"],
  ["365", "In a year"],
];

/** Asks what a key is for, makes it and shows it this once. */
export function CreateKey({ open, onOpenChange, project, onCreated }: { open: boolean; onOpenChange: (open: boolean) => void; project: string; onCreated: () => void }) {
  const [created, setCreated] = useState<CreatedKey | null>(null);
  const change = (next: boolean) => {
    onOpenChange(next);
    if (!next) setCreated(null);
  };
  return (
    <Dialog
      open={open}
      onOpenChange={change}
      width={480}
      title={created === null ? "Create an API key" : `Key “${created.name}” is ready`}
      description={created === null ? `For the project “${project}”.` : "Copy it now: it is shown this once, and only its first characters are kept."}
    >
      {created === null ? (
        <Form
          onCancel={() => change(false)}
          onCreated={(key) => {
            setCreated(key);
            onCreated();
          }}
        />
      ) : (
        <>
          <WholeKey value={created.key} />
          <div className="mt-4 flex justify-end">
            <Button look="primary" onClick={() => change(false)}>
              Done
            </Button>
          </div>
        </>
      )}
    </Dialog>
  );
}

function Form({ onCancel, onCreated }: { onCancel: () => void; onCreated: (key: CreatedKey) => void }) {
  const [name, setName] = useState("");
  const [preset, setPreset] = useState<string>("write");
  const [life, setLife] = useState("");
  const group = useId();
  const form = useSubmit(async () => {
    const expires_at = life === "" ? null : new Date(Date.now() + Number(life) * 86_400_000).toISOString();
    onCreated(await api.post<CreatedKey>("/api/org/api-keys", { name, scopes: [preset], ...(expires_at === null ? {} : { expires_at }) }));
  });
  return (
    <form onSubmit={form.submit} className="flex flex-col gap-4">
      <TextField label="Name" value={name} onChange={(event) => setName(event.target.value)} autoFocus required maxLength={200} placeholder="Production" error={form.of("name")} />
      <fieldset>
        <legend className="mb-1 font-medium">Permissions</legend>
        <div className="divide-y divide-line rounded-md border border-line-strong">
          {PRESETS.map(({ id, name: title, about }) => (
            <label key={id} className="flex gap-2.5 px-3 py-2 hover:bg-hover">
              <input type="radio" name={group} value={id} checked={preset === id} onChange={() => setPreset(id)} className="mt-0.5 accent-(--accent)" />
              <span>
                <span className="block">{title}</span>
                <span className="block text-muted">{about}</span>
              </span>
            </label>
          ))}
        </div>
      </fieldset>
      <SelectField label="Expires" value={life} onChange={(event) => setLife(event.target.value)} error={form.of("expires_at")}>
        {LIVES.map(([days, label]) => (
          <option key={days} value={days}>
            {label}
          </option>
        ))}
      </SelectField>
      {form.besides("name", "expires_at") !== null && <Alert look="fail" role="alert">{form.besides("name", "expires_at")}</Alert>}
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" look="primary" disabled={form.busy || name.trim() === ""}>
          Create key
        </Button>
      </div>
    </form>
  );
}
