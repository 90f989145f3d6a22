// A key that was just created is shown on every page without traces for as long as the tab lives: nothing else can show
// it again, and leaving it in the browser's storage would leave it there.
let shown: { project: string; key: string } | null = null;

export function keepFirstKey(project: string, key: string): void {
  shown = { project, key };
}

export function firstKeyOf(project: string): string | null {
  return shown?.project === project ? shown.key : null;
}
