import { Link, useSearch } from "@tanstack/react-router";
import { Eye, EyeOff } from "lucide-react";
import { useState, type ComponentProps, type ReactNode } from "react";
import { Alert } from "../components/Alert";
import { TextField } from "../components/Field";
import { Mark } from "../components/Mark";

/** What the doors keep in the URL. */
export interface DoorSearch {
  next?: string;
  token?: string;
}

export function useDoorSearch(): DoorSearch {
  return useSearch({ strict: false }) as DoorSearch;
}

/** The frame of a page that leads in: one column in the middle of the screen. */
export function Door({ title, about, children, foot }: { title: string; about?: ReactNode; children: ReactNode; foot?: ReactNode }) {
  return (
    <main className="flex min-h-full flex-col items-center bg-surface px-4 pt-[max(40px,13vh)] pb-12">
      <title>{`${title} · Traceway`}</title>
      <div className="mb-6 flex items-center gap-2.5 text-[16px] font-semibold">
        <Mark size={24} />
        Traceway
      </div>
      <div className="w-full max-w-[400px] rounded-lg border border-line bg-bg p-6 max-md:p-5">
        <h1 className="text-[20px] leading-7 font-medium">{title}</h1>
        {about !== undefined && <p className="mt-1 text-muted">{about}</p>}
        <div className="mt-5">{children}</div>
      </div>
      {foot !== undefined && <p className="mt-5 text-center text-muted">{foot}</p>}
    </main>
  );
}

/** The button that sends a door's form. */
export function Submit({ busy, children }: { busy: boolean; children: ReactNode }) {
  return (
    <button
      type="submit"
      disabled={busy}
      className="h-9 w-full rounded-md border border-accent bg-accent text-[14px] font-medium text-on-accent hover:opacity-90 disabled:opacity-60"
    >
      {children}
    </button>
  );
}

/** Why the form was refused. */
export function Refused({ children }: { children: ReactNode }) {
  return (
    <Alert look="fail" role="alert">
      {children}
    </Alert>
  );
}

/** A link to another door, which leads to the same place in the end. */
export function DoorLink({ to, children, className = "" }: { to: "/login" | "/signup" | "/forgot-password"; children: ReactNode; className?: string }) {
  const { next } = useDoorSearch();
  return (
    <Link to={to} search={(next === undefined ? {} : { next }) as never} className={`text-accent underline decoration-accent/40 underline-offset-2 hover:decoration-accent ${className}`}>
      {children}
    </Link>
  );
}

/** The e-mail address by which one is known. */
export function EmailField({ value, onChange, error }: { value: string; onChange: (email: string) => void; error: string | null }) {
  return (
    <TextField
      size="large"
      label="E-mail"
      type="email"
      name="email"
      autoComplete="username"
      required
      autoFocus
      value={value}
      onChange={(event) => onChange(event.target.value)}
      error={error}
    />
  );
}

/** A password, which can be looked at while one types it. */
export function PasswordField(props: ComponentProps<typeof TextField>) {
  const [shown, setShown] = useState(false);
  return (
    <div className="relative">
      <TextField size="large" required {...props} type={shown ? "text" : "password"} className="pr-9" autoCapitalize="off" spellCheck={false} />
      <button
        type="button"
        aria-label={shown ? "Hide the password" : "Show the password"}
        aria-pressed={shown}
        onClick={() => setShown(!shown)}
        className="absolute top-[27px] right-1 flex size-7 items-center justify-center rounded text-faint hover:text-text"
      >
        {shown ? <EyeOff size={15} /> : <Eye size={15} />}
      </button>
    </div>
  );
}

/** The shortest password that is taken, in characters. */
export const SHORTEST = 8;

/** Says what is wrong with a new password before it is sent. */
export function weakness(password: string): string | null {
  return Array.from(password).length < SHORTEST ? `A password has at least ${SHORTEST} characters.` : null;
}
