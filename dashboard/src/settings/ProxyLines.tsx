import { useQuery } from "@tanstack/react-query";
import { accountQuery, type LocalAccount } from "../account/account";
import { Line, Lines, Section } from "./Parts";

/** What the recording proxy does now. */
export function ProxyLines({ account }: { account: LocalAccount }) {
  // The server may have been started anew with other settings since this tab was opened.
  const { data = account } = useQuery({ ...accountQuery, staleTime: 5_000 });
  const { port, target, capture_mode } = data.mode === "local" ? data.proxy : account.proxy;
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
      <Lines>
        <Line name="Port" about="Where applications send their calls to be recorded.">
          {port}
        </Line>
        <Line name="Target" about="Where calls go that name no other target.">
          {target === null ? <span className="text-muted">By path, else OpenAI</span> : <code className="truncate font-mono text-[12px]" title={target}>{target}</code>}
        </Line>
        <Line name="Capture mode" about="How much of prompts and answers is kept.">
          {capture_mode}
        </Line>
      </Lines>
    </Section>
  );
}
