import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { accountQuery, useMay, type CloudAccount } from "../account/account";
import { api } from "../api/client";
import type { Project, ProjectPatch } from "../api/types";
import { Alert } from "../components/Alert";
import { Button } from "../components/Button";
import { CopyButton } from "../components/CopyButton";
import { SelectField, TextField } from "../components/Field";
import { useSubmit } from "../components/submit";
import { Line, Lines, Section } from "./Parts";
import { planName } from "./plans";
import { orgQuery } from "./queries";

const RANGES: readonly [string, string][] = [
  ["", "All time"],
  ["1h", "Last hour"],
  ["24h", "Last 24 hours"],
  ["7d", "Last 7 days"],
  ["30d", "Last 30 days"],
];

/** The name of the project and how its traces are shown and kept; read only for those who may not change it. */
export function ProjectForm({ account: { project } }: { account: CloudAccount }) {
  const mayChange = useMay("admin");
  // Kept here, since the form begins anew with what was saved.
  const [saved, setSaved] = useState(false);
  return (
    <Section title="Project">
      {mayChange ? (
        <Form key={project.updated_at} project={project} saved={saved} setSaved={setSaved} />
      ) : (
        <Facts project={project} />
      )}
    </Section>
  );
}

function Facts({ project }: { project: Project }) {
  const { default_time_range: range, retention_days: days } = project.settings;
  return (
    <Lines>
      <Line name="Name">{project.name}</Line>
      <Line name="Time range of lists">{RANGES.find(([value]) => value === (range ?? ""))?.[1]}</Line>
      <Line name="Traces are kept for">{days == null ? "As long as the plan keeps them" : `${days} days`}</Line>
    </Lines>
  );
}

function Form({ project, saved, setSaved }: { project: Project; saved: boolean; setSaved: (saved: boolean) => void }) {
  const client = useQueryClient();
  const org = useQuery(orgQuery);
  const [name, setName] = useState(project.name);
  const [range, setRange] = useState(project.settings.default_time_range ?? "");
  const [days, setDays] = useState(project.settings.retention_days?.toString() ?? "");
  const patch = changesOf(project, { name, range, days });
  const form = useSubmit(async () => {
    await api.patch<Project>(`/api/projects/${project.id}`, patch);
    setSaved(true);
    await client.invalidateQueries({ queryKey: accountQuery.queryKey });
  });
  const edit = <Value,>(set: (value: Value) => void) => (value: Value) => {
    setSaved(false);
    set(value);
  };
  const most = org.data?.plan_limits.retention_days;
  const besides = form.besides("name", "settings.default_time_range", "settings.retention_days");
  return (
    <form onSubmit={form.submit} className="flex flex-col gap-4 rounded-md border border-line p-4">
      <TextField label="Name" value={name} onChange={(event) => edit(setName)(event.target.value)} required maxLength={200} error={form.of("name")} />
      <div className="grid gap-4 sm:grid-cols-2">
        <SelectField
          label="Time range of lists"
          value={range}
          onChange={(event) => edit(setRange)(event.target.value)}
          hint="What lists show until another range is chosen."
          error={form.of("settings.default_time_range")}
        >
          {RANGES.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </SelectField>
        <TextField
          label="Keep traces for"
          aside={<span className="text-muted">days</span>}
          type="number"
          min={1}
          max={most}
          step={1}
          value={days}
          onChange={(event) => edit(setDays)(event.target.value)}
          placeholder={most === undefined ? "" : String(most)}
          hint={org.data === undefined || most === undefined ? "At most as long as the plan." : `At most ${most}, as the ${planName(org.data.plan)} plan keeps them.`}
          error={form.of("settings.retention_days")}
        />
      </div>
      {besides !== null && <Alert look="fail" role="alert">{besides}</Alert>}
      <div className="flex items-center gap-3">
        <Button type="submit" look="primary" disabled={form.busy || Object.keys(patch).length === 0 || name.trim() === ""}>
          Save
        </Button>
        {saved && <span role="status" className="text-ok">Saved</span>}
        <span className="ml-auto flex min-w-0 items-center gap-1 font-mono text-[11px] text-muted" title="Id of the project">
          <span className="truncate">{project.id}</span>
          <CopyButton text={project.id} label="Copy the project's id" />
        </span>
      </div>
    </form>
  );
}

function changesOf(project: Project, { name, range, days }: { name: string; range: string; days: string }): ProjectPatch {
  const { default_time_range, retention_days } = project.settings;
  const settings: NonNullable<ProjectPatch["settings"]> = {};
  if (range !== (default_time_range ?? "")) settings.default_time_range = range === "" ? null : range;
  if (days !== (retention_days?.toString() ?? "")) settings.retention_days = days === "" ? null : Number(days);
  return {
    ...(name.trim() === project.name ? {} : { name }),
    ...(Object.keys(settings).length === 0 ? {} : { settings }),
  };
}
