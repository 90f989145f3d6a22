import { useId, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes } from "react";

const CONTROL =
  "w-full rounded-md border border-line-strong bg-bg px-2 text-text placeholder:text-faint disabled:opacity-60 aria-invalid:border-fail";

interface About {
  label: string;
  hint?: ReactNode;
  /** What is wrong with it. */
  error?: string | null | undefined;
  /** Stands at the right end of the label's line. */
  aside?: ReactNode;
  /** Doors are more spacious than settings. */
  size?: "base" | "large";
}

/** A line to fill in, with its label above it, and below it what is to know or what is wrong. */
export function TextField({ label, hint, error, aside, size = "base", className = "", ...rest }: About & Omit<InputHTMLAttributes<HTMLInputElement>, "size">) {
  const id = useId();
  const note = error ?? hint;
  return (
    <Frame {...{ id, label, hint, error, aside }}>
      <input
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={note ? `${id}-note` : undefined}
        className={`${CONTROL} ${size === "large" ? "h-9 text-[14px]" : "h-8"} ${className}`}
        {...rest}
      />
    </Frame>
  );
}

/** A choice of a few. */
export function SelectField({ label, hint, error, aside, className = "", children, ...rest }: Omit<About, "size"> & Omit<SelectHTMLAttributes<HTMLSelectElement>, "size">) {
  const id = useId();
  const note = error ?? hint;
  return (
    <Frame {...{ id, label, hint, error, aside }}>
      <select
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={note ? `${id}-note` : undefined}
        className={`${CONTROL} h-8 ${className}`}
        {...rest}
      >
        {children}
      </select>
    </Frame>
  );
}

function Frame({ id, label, hint, error, aside, children }: About & { id: string; children: ReactNode }) {
  return (
    <div>
      <div className="mb-1 flex items-baseline justify-between gap-3">
        <label htmlFor={id} className="font-medium">
          {label}
        </label>
        {aside}
      </div>
      {children}
      {error ? (
        <p id={`${id}-note`} role="alert" className="mt-1 text-fail">
          {error}
        </p>
      ) : (
        hint && (
          <p id={`${id}-note`} className="mt-1 text-muted">
            {hint}
          </p>
        )
      )}
    </div>
  );
}
