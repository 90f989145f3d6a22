/** Where one was in a list. */
export interface Place {
  top: number;
  selected: string | null;
}

// Kept for as long as the tab lives, by what the list shows.
const places = new Map<string, Place>();

export function placeIn(list: string): Place {
  return places.get(list) ?? { top: 0, selected: null };
}

export function keepPlace(list: string, change: Partial<Place>): void {
  places.set(list, { ...placeIn(list), ...change });
}

/** Coming back to a list finds it as it was left; going to a page by its name begins at its top. */
export function forgetPlaces(): void {
  places.clear();
}
