import { Cost, Count, None } from "../components/Figures";
import type { TraceTotals } from "./model/totals";
import { StatusWord } from "./StatusWord";
import { Taken } from "./Taken";

/** How a trace went and what it took. Tokens and costs nobody told are a dash, as in the lists. */
export function TraceFigures({ totals }: { totals: TraceTotals }) {
  return (
    <>
      <StatusWord state={totals.state} />
      <span className="text-text">
        {totals.duration === null ? <None /> : <Taken ms={totals.duration} running={totals.running} />}
      </span>
      <span title={`${totals.inputTokens.toLocaleString("en-US")} in, ${totals.outputTokens.toLocaleString("en-US")} out`}>
        <span className="text-text">{totals.tokens === 0 ? <None /> : <Count value={totals.tokens} />}</span> tokens
      </span>
      <span className="text-text" title={totals.cost === 0 ? "No cost is known" : "Cost"}>
        {totals.cost === 0 ? (
          <>
            <None /> <span className="text-muted">cost</span>
          </>
        ) : (
          <Cost value={totals.cost} />
        )}
      </span>
      <span>
        <span className="text-text">
          <Count value={totals.spans} exact />
        </span>{" "}
        {totals.spans === 1 ? "span" : "spans"}
        {totals.failures > 0 && <span className="text-fail">, {totals.failures.toLocaleString("en-US")} failed</span>}
      </span>
    </>
  );
}
