import { useQuery } from "@tanstack/react-query";
import { api } from "../api/client";
import { explain } from "../api/wording";
import { Line, Lines, RowsSkeleton, Section } from "./Parts";

/** The part of the config file that is shown. */
interface ConfigFile {
  proxy?: { target?: string; capture_mode?: string };
}

/** What the config file tells the recording proxy. */
export function ProxyLines() {
  const config = useQuery({ queryKey: ["config"], queryFn: ({ signal }) => api.get<ConfigFile>("/api/config", { signal }) });
  return (
    <Section
      title="Proxy"
      about={
        <>
          As the config file says, by default <code className="font-mono text-[12px]">~/.traceway/config.toml</code>. Flags and environment variables come before it.
        </>
      }
    >
      {config.isError ? (
        <p role="alert" className="text-fail">{explain(config.error)}</p>
      ) : config.isPending ? (
        <RowsSkeleton rows={2} />
      ) : (
        <Lines>
          <Line name="Target" about="Where calls go that name no other target.">
            {config.data.proxy?.target === undefined ? <span className="text-muted">By path, else OpenAI</span> : <code className="truncate font-mono text-[12px]">{config.data.proxy.target}</code>}
          </Line>
          <Line name="Capture mode" about="How much of prompts and answers is kept.">
            {config.data.proxy?.capture_mode ?? <span className="text-muted">full</span>}
          </Line>
        </Lines>
      )}
    </Section>
  );
}
