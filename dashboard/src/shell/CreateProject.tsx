import { useState } from "react";
import { enter } from "../account/account";
import { api } from "../api/client";
import type { Project } from "../api/types";
import { Alert } from "../components/Alert";
import { Button } from "../components/Button";
import { Dialog } from "../components/Dialog";
import { TextField } from "../components/Field";
import { useSubmit } from "../components/submit";

/** Asks for the name of a new project, makes it and goes there. */
export function CreateProject({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Create a project" description="Traces, API keys and settings of one project are kept apart from those of every other.">
      <Form onCancel={() => onOpenChange(false)} />
    </Dialog>
  );
}

function Form({ onCancel }: { onCancel: () => void }) {
  const [name, setName] = useState("");
  const form = useSubmit(async () => {
    const project = await api.post<Project>("/api/projects", { name });
    await api.post("/api/projects/switch", { project_id: project.id });
    enter("/");
  });
  return (
    <form onSubmit={form.submit} className="flex flex-col gap-4">
      <TextField label="Name" value={name} onChange={(event) => setName(event.target.value)} autoFocus required maxLength={200} placeholder="Support bot" error={form.of("name")} />
      {form.besides("name") !== null && <Alert look="fail" role="alert">{form.besides("name")}</Alert>}
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" look="primary" disabled={form.busy || name.trim() === ""}>
          Create project
        </Button>
      </div>
    </form>
  );
}
