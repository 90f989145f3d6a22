"""OpenLLMetry: the Traceloop SDK with its instrumentation of the OpenAI client."""

from openai import OpenAI
from opentelemetry import trace
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import task, tool, workflow

import openai_scenes as scenes
from scenario import API, PROVIDER, tell

Traceloop.init(
    app_name="traceloop-service",
    api_endpoint=API,
    disable_batch=True,
    telemetry_enabled=False,
    resource_attributes={"host.name": "test-host"},
)
Traceloop.set_association_properties({"session_id": "session-traceloop", "user_id": "user-7"})
client = OpenAI(base_url=f"{PROVIDER}/v1", api_key="sk-test", max_retries=0)


@tool(name="look_up")
def look_up(word):
    """Looks up a word."""
    return {"word": word, "meaning": "a city"}


@task(name="ask")
def ask(word):
    """Asks all questions."""
    look_up(word)
    scenarios = [scenes.chat, scenes.stream, scenes.tools, scenes.responses, scenes.embeddings, scenes.failure]
    return {scene.__name__: scene(client) for scene in scenarios}


@workflow(name="answer-question")
def answer_question(word):
    """Answers one question."""
    trace_id = format(trace.get_current_span().get_span_context().trace_id, "032x")
    return trace_id, ask(word)


trace_id, seen = answer_question("Oslo")
trace.get_tracer_provider().force_flush()
tell(trace_id=trace_id, **seen)
