import { useQuery } from "@tanstack/react-query";
import { proxyQuery } from "../api/proxy";
import { explain } from "../api/wording";
import { Line, Lines, RowsSkeleton, Section } from "./Parts";

/** How the recording proxy is set. */
export function ProxyLines() {
  const proxy = useQuery(proxyQuery);
  return (
    <Section
      title="Proxy"
      about={
        <>
          As the server runs now. Flags and environment variables come before the config file, by default{" "}
          <code className="font-mono text-[12px]">~/.traceway/config.toml</code>.
        </>
      }
    >
      {proxy.data === undefined ? (
        proxy.isError ? <p role="alert" className="text-fail">{explain(proxy.error)}</p> : <RowsSkeleton rows={3} />
      ) : (
        <Lines>
          <Line name="Port" about="Where applications send their calls to be recorded.">
            {proxy.data.port}
          </Line>
          <Line name="Target" about="Where calls go that name no other target.">
            {proxy.data.target === null ? <span className="text-muted">By path, else OpenAI</span> : <code className="truncate font-mono text-[12px]" title={proxy.data.target}>{proxy.data.target}</code>}
          </Line>
          <Line name="Capture mode" about="How much of prompts and answers is kept.">
            {proxy.data.capture_mode}
          </Line>
        </Lines>
      )}
    </Section>
  );
}
