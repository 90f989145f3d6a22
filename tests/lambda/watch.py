#!/usr/bin/env python3
"""Looks at the functions under `cargo lambda watch`, which people use to try them.

It imitates Lambda loosely (no freezing, no limits, one value of a repeated header), so that the suite runs on our own
emulator; here are the paths a person takes. Needs cargo-lambda on the PATH, Postgres and Redis as
`scripts/services.sh` starts them, and the debug build of the package `conformance`.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
# How long the functions may take to be built and to answer for the first time.
PATIENCE = 600
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello from cargo lambda watch"}]}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(url, body=None, headers=None, timeout=60):
    """Returns the status and the bytes of an answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def until(what, check):
    """Returns what `check` returns, once that is something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if found := check():
                return found
        except OSError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"{what} did not happen")


class Processes(list):
    def start(self, command, **options):
        process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **options)
        self.append(process)
        return process

    def stop(self):
        for process in reversed(self):
            try:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                process.kill()


def environment(process_id):
    """Returns the settings a replica was started with."""
    pairs = Path(f"/proc/{process_id}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def look(processes):
    addresses = ["--api-addr", "127.0.0.1:0", "--proxy-addr", "127.0.0.1:0"]
    cloud = processes.start(
        [TARGET / "debug/cloud", "--json", "--replicas", "1", "--runs", "1", *addresses], stdout=subprocess.PIPE
    )
    facts = json.loads(cloud.stdout.readline())
    provider = f"127.0.0.1:{free_port()}"
    processes.start([TARGET / "debug/provider-emulator", "--addr", provider], stdout=subprocess.DEVNULL)
    port = free_port()
    # A replica has a home and a path of its own, which are none for cargo.
    settings = {**environment(facts["replicas"][0]["process_id"]), **os.environ, "TRACEWAY_DASHBOARD": "skip"}
    processes.start(["cargo", "lambda", "watch", "--invoke-port", str(port)], env=settings)
    base, key = f"http://127.0.0.1:{port}", facts["api_key"]
    bearer = {"authorization": f"Bearer {key}"}

    until("the API answers", lambda: call(f"{base}/api/ready", timeout=PATIENCE)[0] == 200)
    assert call(f"{base}/api/traces")[0] == 401, "nobody gets in without a key"
    status, answer = call(f"{base}/api/traces?limit=5", headers=bearer)
    assert status == 200 and json.loads(answer)["traces"], "what the other mount recorded is there"

    path = "/v1/chat/completions"
    sent = {"authorization": "Bearer sk-test", "x-traceway-api-key": key, "x-forward-url": f"http://{provider}"}
    for body in (CHAT, {**CHAT, "stream": True, "stream_options": {"include_usage": True}}):
        direct = call(f"http://{provider}{path}", body, {"authorization": "Bearer sk-test"})
        relayed = call(f"{base}{path}", body, sent, timeout=PATIENCE)
        assert relayed[0] == direct[0] == 200, relayed
        assert len(relayed[1]) == len(direct[1]), "the answer is the provider's"

    def recorded():
        spans = json.loads(call(f"{base}/api/spans?limit=50&q=model:gpt-4o-mini", headers=bearer)[1])["spans"]
        ours = [span for span in spans if CHAT["messages"][0]["content"] in json.dumps(span.get("input"))]
        return len(ours) == 2 and all(span["status"] == "completed" for span in ours) and ours

    for span in until("both calls are recorded", recorded):
        assert span["metadata"]["total_tokens"] > 0 and span["metadata"]["total_cost"] > 0, span

    request = urllib.request.Request(f"{base}/api/events", headers=bearer)
    with urllib.request.urlopen(request, timeout=30) as events:
        first = [events.readline().decode().strip() for _ in range(3)]
    assert "retry: 3000" in first and any(line.startswith("id: ") for line in first), first


def main():
    processes = Processes()
    try:
        look(processes)
    finally:
        processes.stop()
    print("cargo lambda watch: API, proxy, streams and live events answer")


if __name__ == "__main__":
    sys.exit(main())
