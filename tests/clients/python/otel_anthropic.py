"""The Anthropic client, which has spans of its own, with or without OpenInference's instrumentation of it."""

import sys

from anthropic import Anthropic
from opentelemetry import trace

import anthropic_scenes as scenes
import exporter
from scenario import PROVIDER, tell

provider = exporter.start("anthropic-service")
if "openinference" in sys.argv:
    from openinference.instrumentation.anthropic import AnthropicInstrumentor

    AnthropicInstrumentor().instrument(tracer_provider=provider)
client = Anthropic(base_url=PROVIDER, api_key="sk-test", max_retries=0)

seen = {}
with trace.get_tracer("app").start_as_current_span("answer-question") as root:
    root.set_attribute("session.id", "session-anthropic")
    for scene in [scenes.message, scenes.stream_tools, scenes.errors]:
        seen[scene.__name__] = scene(client)
    trace_id = format(root.get_span_context().trace_id, "032x")
provider.shutdown()
tell(trace_id=trace_id, complaints=exporter.complaints, **seen)
