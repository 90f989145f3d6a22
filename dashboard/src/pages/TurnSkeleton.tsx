/** Stand where a question and its answer will be. */
export function TurnLines() {
  return (
    <div role="group" aria-busy="true" aria-label="Loading" className="min-h-40">
      <div className="skeleton mt-6 h-4 w-2/3" />
      <div className="skeleton mt-6 h-4 w-full" />
      <div className="skeleton mt-2 h-4 w-11/12" />
      <div className="skeleton mt-2 h-4 w-3/4" />
    </div>
  );
}

/** Stands where the turns of a conversation will be. */
export function TurnSkeleton() {
  return (
    <div className="mx-auto max-w-[860px] px-4 py-11">
      <div className="skeleton h-4 w-1/3" />
      <TurnLines />
    </div>
  );
}
