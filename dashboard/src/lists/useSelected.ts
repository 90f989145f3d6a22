import { useState } from "react";
import { keepPlace, placeIn } from "../table/places";

/** The selected row of a list, which is still selected when one comes back to it. */
export function useSelected(place: string): [string | null, (key: string | null) => void] {
  const [selected, setSelected] = useState({ place, key: placeIn(place).selected });
  const select = (key: string | null) => {
    keepPlace(place, { selected: key });
    setSelected({ place, key });
  };
  return [selected.place === place ? selected.key : placeIn(place).selected, select];
}
