"""Runs what the image runs, in its root file system and as its user, and prints what it saw as one line of JSON.

Started by test_image.py in a network namespace of its own; reads what to run from standard input.
"""

import fcntl
import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

SIOCSIFFLAGS, IFF_UP = 0x8914, 1
# CI is slow; a start takes a fraction of a second elsewhere.
PATIENCE = 60

it = json.load(sys.stdin)


def loopback_up():
    """`ip link set lo up`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))


def start(command):
    """Starts a command of the image."""
    uid, gid = it["user"]

    def enter():
        # Popen would change the user first, who may not change the root.
        os.chroot(it["root"])
        os.chdir(it["folder"])
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)

    return subprocess.Popen(
        command, env=it["environment"], preexec_fn=enter, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )


def health():
    """What the health check says."""
    check = start(it["health"])
    check.communicate(timeout=PATIENCE)
    return "ok" if check.returncode == 0 else "failed"


def get(path, host, port=3000):
    """Status and body of a request that names a host."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read().decode(errors="replace")


loopback_up()
seen = {"health before": health()}
server = start(it["command"])
try:
    until = time.monotonic() + PATIENCE
    while health() != "ok":
        if server.poll() is not None or time.monotonic() > until:
            server.kill()
            sys.exit(f"the server does not get well: {server.communicate()[0]}")
        time.sleep(0.2)
    seen["health"] = health()
    hosts = ["localhost:3000", "172.17.0.2:3000", "traceway:3000", "attacker.example"]
    seen["status by host"] = {host: get("/api/projects", host)[0] for host in hosts}
    seen["proxy"] = get("/v1/models", "localhost:3001", 3001)[0]
    seen["dashboard"] = "<script" in get("/", "localhost:3000")[1]
    status = Path(f"/proc/{server.pid}/status").read_text()
    seen["uids"] = sorted({int(uid) for uid in re.search(r"^Uid:\s+(.*)$", status, re.M)[1].split()})
    seen["data"] = sorted(os.listdir(os.path.join(it["root"], "data")))
    server.send_signal(getattr(signal, it["signal"]))
    server.communicate(timeout=PATIENCE)
    seen["exit code"] = server.returncode
finally:
    if server.poll() is None:
        server.kill()
print(json.dumps(seen))
