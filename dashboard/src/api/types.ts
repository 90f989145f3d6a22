// The shapes the API answers with, by the names the rest of the dashboard uses. Generated from the server's own
// description of itself; `npm run types` renews them.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Span = Schemas["Span"];
export type SpanKind = Schemas["SpanKind"];
export type SpanStatus = Schemas["SpanStatus"];
export type SpanMetadata = Schemas["SpanMetadata"];
export type Trace = Schemas["Trace"];
export type Status = Schemas["Status"];
export type TraceDetail = Schemas["TraceDetail"];
export type TracePage = Schemas["TracePage"];
export type SpanPage = Schemas["SpanPage"];
export type Session = Schemas["Session"];
export type SessionPage = Schemas["SessionPage"];
export type SessionDetail = Schemas["SessionDetail"];
export type Summary = Schemas["AnalyticsSummary"];
export type Stats = Schemas["Stats"];
export type Health = Schemas["Health"];
export type AuthConfig = Schemas["AuthConfig"];
/** How the recording proxy of a local server is set, whatever said so. */
export interface ProxyFacts {
  port: number;
  /** Where calls go that name no other target; null means by path, else OpenAI. */
  target: string | null;
  capture_mode: string;
}
export type Me = Schemas["Me"];
export type Org = Schemas["Org"];
export type PlanLimits = Schemas["PlanLimits"];
export type Project = Schemas["Project"];
export type ProjectPatch = Schemas["ProjectPatch"];
export type Member = Schemas["Member"];
export type Invite = Schemas["Invite"];
export type CreatedInvite = Schemas["CreatedInvite"];
export type ApiKey = Schemas["ApiKey"];
export type CreatedKey = Schemas["CreatedKey"];
export type Usage = Schemas["Usage"];
export type Metered = Schemas["Metered"];
export type Destination = Schemas["Destination"];

/** What the live stream says. */
export type LiveEvent =
  | { type: "span_created" | "span_completed" | "span_failed"; span: Span }
  | { type: "span_deleted"; span_id: string; trace_id: string }
  | { type: "trace_created" | "trace_updated"; trace: Trace }
  | { type: "trace_deleted"; trace_id: string }
  | { type: "cleared" }
  | { type: "resync" };
