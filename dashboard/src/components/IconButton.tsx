import type { ButtonHTMLAttributes } from "react";

/** A button that shows only an icon; its label is read aloud and shown on hover. */
export function IconButton({
  label,
  size = 28,
  className = "",
  ...rest
}: { label: string; size?: number } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      style={{ width: size, height: size }}
      className={`flex shrink-0 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-text disabled:opacity-40 ${className}`}
      {...rest}
    />
  );
}
