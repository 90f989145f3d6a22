"""Calls that the instrumented OpenAI clients make, each the same with every instrumentation."""

import json

from scenario import QUESTION, WEATHER_PARAMETERS, weather

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Forecasts the weather of a city",
            "parameters": WEATHER_PARAMETERS,
        },
    }
]


def chat(client):
    """Asks once."""
    answer = client.chat.completions.create(
        model="gpt-4o-mini",
        temperature=0.2,
        messages=[
            {"role": "system", "content": "You answer in one sentence."},
            {"role": "user", "content": QUESTION},
        ],
    )
    return {"text": answer.choices[0].message.content, "usage": answer.usage}


def stream(client):
    """Asks once, and reads the answer as it comes."""
    text, usage = "", None
    with client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        stream_options={"include_usage": True},
    ) as chunks:
        for chunk in chunks:
            for choice in chunk.choices:
                text += choice.delta.content or ""
            usage = chunk.usage or usage
    return {"text": text, "usage": usage}


def tools(client):
    """Lets the model call a tool, and hands it what the tool says."""
    messages = [{"role": "user", "content": "What is the weather in Oslo?"}]
    first = client.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS)
    message = first.choices[0].message
    messages.append(message.model_dump(exclude_none=True))
    for call in message.tool_calls:
        said = weather(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": json.dumps(said)})
    second = client.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS)
    return {
        "calls": [call.model_dump() for call in message.tool_calls],
        "text": second.choices[0].message.content,
        "usage": [first.usage, second.usage],
    }


def embeddings(client):
    """Embeds two texts."""
    answer = client.embeddings.create(model="text-embedding-3-small", input=["one text", "another text"])
    return {"dimensions": [len(item.embedding) for item in answer.data], "usage": answer.usage}


def failure(client):
    """Asks with a key that the provider refuses."""
    try:
        client.with_options(api_key="bad").chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": QUESTION}]
        )
    except Exception as error:
        return {"error": type(error).__name__, "status": error.status_code}
    raise AssertionError("the provider took a bad key")


def responses(client):
    """Asks over the responses endpoint."""
    answer = client.responses.create(model="gpt-4o-mini", instructions="Be brief.", input=QUESTION)
    return {"text": answer.output_text, "usage": answer.usage}
