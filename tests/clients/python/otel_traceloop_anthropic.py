"""OpenLLMetry's instrumentation of the Anthropic client."""

from anthropic import Anthropic
from opentelemetry import trace
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import workflow

import anthropic_scenes as scenes
from scenario import API, PROVIDER, tell

Traceloop.init(
    app_name="anthropic-service",
    api_endpoint=API,
    disable_batch=True,
    telemetry_enabled=False,
    resource_attributes={"host.name": "test-host"},
)
Traceloop.set_association_properties({"session_id": "session-anthropic"})
client = Anthropic(base_url=PROVIDER, api_key="sk-test", max_retries=0)


@workflow(name="answer-question")
def answer_question():
    """Answers one question."""
    trace_id = format(trace.get_current_span().get_span_context().trace_id, "032x")
    return trace_id, {scene.__name__: scene(client) for scene in [scenes.message, scenes.stream_tools, scenes.errors]}


trace_id, seen = answer_question()
trace.get_tracer_provider().force_flush()
tell(trace_id=trace_id, **seen)
