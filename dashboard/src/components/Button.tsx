import type { ButtonHTMLAttributes } from "react";

const LOOKS = {
  plain: "border-line-strong hover:bg-hover",
  primary: "border-accent bg-accent text-on-accent hover:opacity-90",
  quiet: "border-transparent text-muted hover:bg-hover hover:text-text",
  danger: "border-fail text-fail hover:bg-fail/10",
};

export function Button({
  look = "plain",
  className = "",
  ...rest
}: { look?: keyof typeof LOOKS } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button
      type="button"
      className={`inline-flex h-7 shrink-0 items-center gap-1.5 rounded-md border px-3 text-[13px] whitespace-nowrap disabled:opacity-40 ${LOOKS[look]} ${className}`}
      {...rest}
    />
  );
}
