"""Calls of the Anthropic client, the same with every instrumentation and without one."""

import json

from anthropic import APIStatusError

from scenario import QUESTION, WEATHER_PARAMETERS, weather

# Long enough that a provider would cache it.
MANUAL = [{"type": "text", "text": "Read the manual. " * 200, "cache_control": {"type": "ephemeral"}}]

TOOLS = [{"name": "weather", "description": "Forecasts the weather of a city", "input_schema": WEATHER_PARAMETERS}]


def message(client):
    """Asks once."""
    answer = client.messages.create(
        model="claude-sonnet-4-6",
        max_tokens=500,
        system="You answer in one sentence.",
        messages=[{"role": "user", "content": QUESTION}],
    )
    return {"text": answer.content[0].text, "usage": answer.usage, "id": answer.id}


def stream_tools(client):
    """Lets the model think and call a tool, with a cached manual, and reads the answers as they come."""
    messages = [{"role": "user", "content": "What is the weather in Oslo?"}]
    seen = {"events": [], "usage": [], "calls": []}
    for _ in range(2):
        with client.messages.stream(
            model="claude-sonnet-4-6",
            max_tokens=2000,
            thinking={"type": "enabled", "budget_tokens": 1024},
            system=MANUAL,
            tools=TOOLS,
            messages=messages,
        ) as stream:
            for event in stream:
                if event.type not in seen["events"]:
                    seen["events"].append(event.type)
            answer = stream.get_final_message()
        seen["usage"].append(answer.usage.model_dump())
        messages.append({"role": "assistant", "content": [block.model_dump() for block in answer.content]})
        calls = [block for block in answer.content if block.type == "tool_use"]
        seen["calls"] += [call.model_dump() for call in calls]
        seen["text"] = "".join(block.text for block in answer.content if block.type == "text")
        seen["thinking"] = "".join(block.thinking for block in answer.content if block.type == "thinking")
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": json.dumps(weather(**call.input))}
            for call in calls
        ]
        messages.append({"role": "user", "content": results})
    return seen


def errors(client):
    """Meets the provider's refusals."""
    seen = []
    for key, switch in [("bad", ""), ("sk-test", "status=429"), ("sk-test", "status=529")]:
        try:
            client.with_options(api_key=key, max_retries=0).messages.create(
                model="claude-sonnet-4-6",
                max_tokens=5,
                messages=[{"role": "user", "content": QUESTION}],
                extra_headers={"x-emulator": switch},
            )
        except APIStatusError as error:
            seen.append({"error": type(error).__name__, "status": error.status_code, "message": error.body["error"]["message"]})
    return {"errors": seen}


def refused(client):
    """Asks, plainly and streaming, where the server itself refuses."""
    seen = []
    for streaming in [False, True]:
        try:
            client.messages.create(
                model="claude-sonnet-4-6",
                max_tokens=5,
                messages=[{"role": "user", "content": QUESTION}],
                stream=streaming,
            )
        except APIStatusError as error:
            seen.append({"error": type(error).__name__, "status": error.status_code, "answer": error.response.json()})
    return {"errors": seen}


def count(client):
    """Counts tokens, which is no call of a model."""
    counted = client.messages.count_tokens(
        model="claude-sonnet-4-6", messages=[{"role": "user", "content": QUESTION}]
    )
    return {"input_tokens": counted.input_tokens}
