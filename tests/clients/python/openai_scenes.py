"""Calls of the OpenAI client, the same with every instrumentation and without one."""

import json

from openai import APIStatusError

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


def responses_stream(client):
    """Asks over the responses endpoint, and reads the answer as it comes."""
    text, events, answer = "", [], None
    with client.responses.create(model="gpt-4o-mini", input=QUESTION, stream=True) as stream:
        for event in stream:
            if event.type not in events:
                events.append(event.type)
            if event.type == "response.output_text.delta":
                text += event.delta
            if event.type == "response.completed":
                answer = event.response
    return {"text": text, "events": events, "usage": answer.usage}


def responses_tools(client):
    """Lets the model reason and call a tool over the responses endpoint."""
    tool = {"type": "function", "strict": False, **TOOLS[0]["function"]}
    asked = [{"role": "user", "content": "What is the weather in Oslo?"}]
    first = client.responses.create(model="o4-mini", input=asked, tools=[tool])
    calls = [item for item in first.output if item.type == "function_call"]
    asked += [item.model_dump(exclude_none=True) for item in first.output]
    for call in calls:
        said = weather(**json.loads(call.arguments))
        asked.append({"type": "function_call_output", "call_id": call.call_id, "output": json.dumps(said)})
    second = client.responses.create(model="o4-mini", input=asked, tools=[tool])
    return {
        "calls": [call.model_dump() for call in calls],
        "text": second.output_text,
        "usage": [first.usage, second.usage],
    }


def completion(client):
    """Asks over the endpoint that came before chats."""
    answer = client.completions.create(model="gpt-3.5-turbo-instruct", prompt=QUESTION)
    return {"text": answer.choices[0].text, "usage": answer.usage}


def compressed(client):
    """Asks for an answer that comes compressed."""
    answer = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": QUESTION}],
        extra_headers={"x-emulator": "gzip=1"},
    )
    return {"text": answer.choices[0].message.content, "usage": answer.usage}


def errors(client):
    """Meets the provider's refusals."""
    seen = []
    for key, switch in [("bad", ""), ("sk-test", "status=429"), ("sk-test", "status=500")]:
        try:
            client.with_options(api_key=key, max_retries=0).chat.completions.create(
                model="gpt-4o-mini",
                messages=[{"role": "user", "content": QUESTION}],
                extra_headers={"x-emulator": switch},
            )
        except Exception as error:
            seen.append({"error": type(error).__name__, "status": error.status_code, "message": error.body["message"]})
    return {"errors": seen}


def refused(client):
    """Asks, plainly and streaming, where the server itself refuses."""
    seen = []
    for streaming in [False, True]:
        try:
            client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": QUESTION}], stream=streaming
            )
        except APIStatusError as error:
            seen.append({"error": type(error).__name__, "status": error.status_code, "answer": error.response.json()})
    return {"errors": seen}


def cancel(client):
    """Stops reading in the middle of a stream."""
    text = ""
    stream = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        extra_headers={"x-emulator": "chunk_delay=100"},
    )
    for chunk in stream:
        text += chunk.choices[0].delta.content or ""
        if len(text.split()) >= 3:
            break
    stream.close()
    return {"text": text}


def live(client):
    """Says when the first words have come, and reads the rest a second later."""
    text = ""
    stream = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        extra_headers={"x-emulator": "chunk_delay=150"},
    )
    for chunk in stream:
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
    return {"text": text}
