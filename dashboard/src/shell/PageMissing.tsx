import { useQuery } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useRef } from "react";
import { ApiError } from "../api/client";
import { healthQuery } from "../api/health";
import { Button } from "../components/Button";
import { Failed, Notice } from "../components/Notices";

const RELOADED = "traceway-reloaded";

/** Stands where a page will be whose script could not be loaded; tries again once the server answers. */
export function PageMissing({ onRetry }: { onRetry: () => Promise<boolean> }) {
  const health = useQuery({ ...healthQuery, refetchInterval: 3_000, refetchOnMount: "always" });
  const began = useRef(Date.now());
  const retry = useEffectEvent(async () => {
    if (await onRetry()) return;
    // The server is there, but not what this tab asks it for: another version was put in its place, or the browser
    // remembers that it failed. One that was loaded anew just now would only be loaded again and again.
    if (Date.now() - Number(sessionStorage.getItem(RELOADED) ?? 0) < 60_000) return;
    sessionStorage.setItem(RELOADED, String(Date.now()));
    location.reload();
  });
  const answered = health.isSuccess && health.dataUpdatedAt > began.current ? health.dataUpdatedAt : 0;
  useEffect(() => {
    if (answered > 0) void retry();
  }, [answered]);
  return (
    <div className="flex h-full">
      {answered === 0 ? (
        <Failed error={health.error ?? new ApiError(0, "", "unreachable")} onRetry={() => void health.refetch()} />
      ) : (
        <Notice title="This page cannot be loaded" action={<Button onClick={() => location.reload()}>Load anew</Button>}>
          The server answers, but does not have this page. It may be of another version than this tab.
        </Notice>
      )}
    </div>
  );
}

/** Stands where a page was that could not go on. */
export function PageFailed({ error, reset }: { error: unknown; reset: () => void }) {
  return (
    <div role="alert" className="flex h-full">
      <Notice
        title="This page cannot go on"
        action={
          <>
            <Button onClick={reset}>Try again</Button>
            <Button onClick={() => location.reload()}>Load anew</Button>
          </>
        }
      >
        {error instanceof Error ? error.message : String(error)}
      </Notice>
    </div>
  );
}
