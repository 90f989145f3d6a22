import { useState } from "react";
import { enter, useAccount, useMay } from "../account/account";
import { api } from "../api/client";
import { queries } from "../api/queries";
import { Button } from "../components/Button";
import { ConfirmDialog } from "../components/ConfirmDialog";
import { Line, Section } from "./Parts";

/** The slug of the project every organisation begins with and keeps. */
const DEFAULT = "default";

/** What cannot be undone. */
export function DangerZone() {
  const account = useAccount();
  const mayClear = useMay("traces_write");
  const mayDelete = useMay("admin");
  const [asked, setAsked] = useState<"clear" | "delete" | null>(null);
  const [cleared, setCleared] = useState(false);
  if (!mayClear) return null;
  const project = account.mode === "cloud" ? account.project : null;
  const place = project === null ? "this server" : `“${project.name}”`;
  return (
    <Section title="Danger zone">
      <div className="divide-y divide-line rounded-md border border-fail/40">
        <Line name="Clear all data" about={`Removes every trace and span of ${place}.`}>
          {cleared && <span role="status" className="text-muted">Everything was removed</span>}
          <Button look="danger" onClick={() => setAsked("clear")}>
            Clear all data…
          </Button>
        </Line>
        {project !== null && mayDelete && (
          <Line
            name="Delete project"
            about={project.slug === DEFAULT ? "The default project of an organisation stays." : `Removes ${place} with its traces, API keys and settings.`}
          >
            <Button look="danger" disabled={project.slug === DEFAULT} onClick={() => setAsked("delete")}>
              Delete project…
            </Button>
          </Line>
        )}
      </div>
      <ConfirmDialog
        open={asked === "clear"}
        onOpenChange={(open) => setAsked(open ? "clear" : null)}
        title="Clear all data?"
        confirm="Clear everything"
        danger
        typed="clear"
        onConfirm={async () => {
          await api.delete("/api/traces");
          setCleared(true);
          await queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== "account" });
        }}
      >
        Every trace and span of {place} is removed. This cannot be undone.
      </ConfirmDialog>
      {project !== null && (
        <ConfirmDialog
          open={asked === "delete"}
          onOpenChange={(open) => setAsked(open ? "delete" : null)}
          title="Delete this project?"
          confirm="Delete project"
          danger
          typed={project.name}
          onConfirm={async () => {
            await api.delete(`/api/projects/${project.id}`);
            enter("/");
          }}
        >
          {place} goes with all its traces, API keys and settings; applications that use its keys are refused from then on. This cannot be undone.
        </ConfirmDialog>
      )}
    </Section>
  );
}
