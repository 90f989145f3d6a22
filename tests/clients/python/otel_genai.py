"""OpenTelemetry's own instrumentation of the OpenAI client."""

from openai import OpenAI
from opentelemetry import trace
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

import exporter
import openai_scenes as scenes
from scenario import PROVIDER, tell

provider = exporter.start("genai-service")
OpenAIInstrumentor().instrument()
client = OpenAI(base_url=f"{PROVIDER}/v1", api_key="sk-test", max_retries=0)

seen = {}
with trace.get_tracer("app").start_as_current_span("answer-question") as root:
    root.set_attribute("session.id", "session-genai")
    for scene in [scenes.chat, scenes.stream, scenes.tools, scenes.responses, scenes.embeddings, scenes.failure]:
        seen[scene.__name__] = scene(client)
    trace_id = format(root.get_span_context().trace_id, "032x")
provider.shutdown()
tell(trace_id=trace_id, complaints=exporter.complaints, **seen)
