import { X } from "lucide-react";
import { Button } from "../components/Button";

/** What ends a row's life: a word, or a cross where room is short. */
export function RowAction({ word, label, onClick }: { word: string; label: string; onClick: () => void }) {
  return (
    <Button look="quiet" aria-label={label} title={label} onClick={onClick} className="max-sm:px-1.5">
      <X size={14} className="sm:hidden" />
      <span className="max-sm:hidden">{word}</span>
    </Button>
  );
}
