"""The OpenInference instrumentation of the OpenAI client."""

from openai import OpenAI
from openinference.instrumentation import using_attributes
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace

import exporter
import openai_scenes as scenes
from scenario import PROVIDER, tell

provider = exporter.start("openinference-service")
OpenAIInstrumentor().instrument(tracer_provider=provider)
client = OpenAI(base_url=f"{PROVIDER}/v1", api_key="sk-test", max_retries=0)

seen = {}
with using_attributes(
    session_id="session-openinference",
    user_id="user-7",
    tags=["nightly", "team:search"],
    metadata={"release": "1.2"},
):
    with trace.get_tracer("app").start_as_current_span("answer-question") as root:
        root.set_attribute("openinference.span.kind", "CHAIN")
        root.set_attribute("input.value", "begin")
        root.set_attribute("output.value", '{"done": true}')
        root.set_attribute("output.mime_type", "application/json")
        for scene in [scenes.chat, scenes.stream, scenes.tools, scenes.responses, scenes.embeddings, scenes.failure]:
            seen[scene.__name__] = scene(client)
        trace_id = format(root.get_span_context().trace_id, "032x")
provider.shutdown()
tell(trace_id=trace_id, complaints=exporter.complaints, **seen)
