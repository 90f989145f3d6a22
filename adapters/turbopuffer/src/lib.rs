//! Traces, spans and payloads in Turbopuffer.
