"""The Ollama client; the environment says where it calls."""

import os
import sys

from ollama import Client, ResponseError

from scenario import QUESTION, tell

client = Client(headers=dict(line.split(": ", 1) for line in os.environ.get("OLLAMA_CUSTOM_HEADERS", "").splitlines()))


def counts(answer):
    return {"prompt_eval_count": answer.prompt_eval_count, "eval_count": getattr(answer, "eval_count", None)}


def chat_stream():
    """Chats, and reads the answer as it comes."""
    text = ""
    for part in client.chat(model="llama3.2", messages=[{"role": "user", "content": QUESTION}], stream=True):
        text += part.message.content or ""
    return {"text": text, "done_reason": part.done_reason, **counts(part)}


def generate():
    """Completes a prompt."""
    answer = client.generate(model="llama3.2", prompt=QUESTION)
    return {"text": answer.response, **counts(answer)}


def embed():
    """Embeds two texts."""
    answer = client.embed(model="nomic-embed-text", input=["one text", "another text"])
    return {"dimensions": [len(vector) for vector in answer.embeddings], **counts(answer)}


def models():
    """Lists models and shows one, which is no call of a model."""
    listed = [model.model for model in client.list().models]
    return {"models": listed, "family": client.show(listed[0]).details.family}


def missing():
    """Asks a model that is not there."""
    client._client.headers["x-emulator"] = "status=404"
    try:
        client.chat(model="llama9", messages=[{"role": "user", "content": QUESTION}])
    except ResponseError as error:
        return {"status": error.status_code, "message": error.error}
    raise AssertionError("the model was there")


tell(**globals()[sys.argv[1]]())
