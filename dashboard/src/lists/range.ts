/** A day and, where it matters, an hour of it, as fields hold them: `2026-01-31`, `14:30` or nothing. */
export interface Moment {
  day: string;
  hour: string;
}

export const NO_MOMENT: Moment = { day: "", hour: "" };

/** The moment at which a range begins, in the reader's time zone: that of the hour, or midnight. */
export function beginOf({ day, hour }: Moment): string {
  return day === "" ? "" : new Date(`${day}T${hour === "" ? "00:00" : hour}:00.000`).toISOString();
}

/** The last moment of a range: that of the minute, or of the day. */
export function endOf({ day, hour }: Moment): string {
  return day === "" ? "" : new Date(`${day}T${hour === "" ? "23:59" : hour}:59.999`).toISOString();
}

/** What fields hold for a time of the URL; nothing for times such as `24h`. */
export function momentOf(time: string, usual: string): Moment {
  const date = new Date(time);
  if (!/^\d{4}-/.test(time) || Number.isNaN(date.getTime())) return NO_MOMENT;
  const hour = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return { day: date.toLocaleDateString("en-CA"), hour: hour === usual ? "" : hour };
}

/** A custom range in words: `2026-01-30 – 2026-01-31 14:30`. */
export function labelOf(since: string, until: string): string {
  const words = (time: string, usual: string, otherwise: string) => {
    const { day, hour } = momentOf(time, usual);
    return day === "" ? (time === "" ? otherwise : `${time} ago`) : `${day} ${hour}`.trim();
  };
  const from = words(since, "00:00", "…");
  const to = words(until, "23:59", "now");
  return from === to ? from : `${from} – ${to}`;
}
