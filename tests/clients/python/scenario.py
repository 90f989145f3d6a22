"""What every scenario shares: where things are, and how a scenario tells what it saw."""

import json
import os
import warnings

# A provider's answer that its own library complains about is not like the real one.
warnings.simplefilter("error", category=UserWarning)

API = os.environ["TRACEWAY_URL"]
PROXY = os.environ.get("TRACEWAY_PROXY_URL", "")
PROVIDER = os.environ["PROVIDER_URL"]

QUESTION = "What is the capital of Norway?"

WEATHER_PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}


def weather(city, days):
    """Answers a call of the weather tool."""
    return {"city": city, "days": days, "celsius": 4}


def tell(**seen):
    """Prints the one line that a test reads."""
    print(json.dumps(seen, default=lambda value: value.model_dump()))
