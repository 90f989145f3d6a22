import { useEffect } from "react";

/** Leads whoever is in already to where they wanted to go. */
export function GoOn({ to }: { to: string }) {
  useEffect(() => location.replace(to), [to]);
  return null;
}
