import { useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import { spanQuery } from "../../api/trace";
import type { Span } from "../../api/types";
import { previousCalls } from "../model/previous-call";
import { readConversation } from "./conversation";
import type { Message } from "./message";

const noMessages: readonly Message[] = [];

/**
 * What the LLM calls before this one showed; null while they are loading.
 *
 * A call that cannot be loaded counts as having shown nothing.
 */
export function useEarlierMessages(
  calls: readonly Span[],
  span: Span,
): readonly Message[] | null {
  const before = useMemo(() => previousCalls(calls, span), [calls, span]);
  const { loaded, pending } = useQueries({
    queries: before.map((call) => spanQuery(span.trace_id, call.id)),
    combine: (results) => ({
      loaded: results.flatMap((result) => result.data ?? []),
      pending: results.some((result) => result.isPending),
    }),
  });
  return useMemo(() => {
    if (pending) return null;
    const messages = loaded.flatMap(
      (call) => readConversation({ input: call.input, output: call.output })?.messages ?? [],
    );
    return messages.length > 0 ? messages : noMessages;
  }, [loaded, pending]);
}
