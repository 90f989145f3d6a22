import { Monitor, Moon, Sun } from "lucide-react";
import { setTheme, useTheme, type Theme } from "../lib/theme";

const THEMES: readonly [Theme, string, typeof Sun][] = [
  ["light", "Light", Sun],
  ["dark", "Dark", Moon],
  ["system", "As the system", Monitor],
];

/** Light, dark, or as the system is. */
export function ThemeSwitch() {
  const theme = useTheme();
  return (
    <div role="group" aria-label="Theme" className="flex w-fit rounded-md border border-line p-px">
      {THEMES.map(([value, label, Icon]) => (
        <button
          key={value}
          type="button"
          aria-label={label}
          title={label}
          aria-pressed={theme === value}
          onClick={() => setTheme(value)}
          className="flex h-6 w-8 items-center justify-center rounded-[5px] text-faint hover:text-text aria-pressed:bg-hover aria-pressed:text-text"
        >
          <Icon size={13} />
        </button>
      ))}
    </div>
  );
}
