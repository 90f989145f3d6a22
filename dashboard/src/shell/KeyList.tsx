import { Dialog } from "radix-ui";
import { PAGES } from "./pages";

const KEYS: readonly [string, readonly [keys: string, does: string][]][] = [
  ["Everywhere", [["⌘ K", "search everything"], ["/", "search this page"], ["?", "this list"], ...PAGES.map(({ key, name }): [string, string] => [`g ${key}`, name.toLowerCase()])]],
  ["Lists", [["j  k", "next, previous row"], ["Enter", "open"], ["Space", "peek"], ["Esc", "close panel or search"]]],
  ["A trace", [["↓  ↑", "next, previous span"], ["→  ←", "expand, collapse"], ["/", "search spans"], ["]  [", "next, previous trace"], ["Esc", "back to the list"]]],
];

/** The list of keys. */
export default function KeyList({ onClose }: { onClose: () => void }) {
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fade-in fixed inset-0 z-40 bg-black/50" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fade-in fixed top-[18%] left-1/2 z-50 w-[min(640px,calc(100vw-32px))] -translate-x-1/2 rounded-md border outline-none border-line-strong bg-raised p-5 shadow-float"
        >
          <Dialog.Title className="mb-4 text-[16px] font-medium">Keys</Dialog.Title>
          <div className="grid gap-6 sm:grid-cols-3">
            {KEYS.map(([place, keys]) => (
              <section key={place}>
                <h3 className="mb-2 text-[11px] text-muted">{place}</h3>
                <dl className="flex flex-col gap-1.5">
                  {keys.map(([key, does]) => (
                    <div key={key} className="flex items-center justify-between gap-3">
                      <dd className="text-muted">{does}</dd>
                      <dt>
                        <kbd className="rounded border border-line px-1.5 py-0.5 font-sans text-[11px] whitespace-pre">{key}</kbd>
                      </dt>
                    </div>
                  ))}
                </dl>
              </section>
            ))}
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
