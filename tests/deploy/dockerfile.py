"""Reads the Dockerfile and .dockerignore as far as this project uses them; anything else is an error."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from settings import ROOT


@dataclass
class Stage:
    """One stage: its base, its name and its instructions in order."""

    base: str
    name: str
    steps: list = field(default_factory=list)

    def last(self, instruction):
        """The argument of the last instruction of this kind."""
        found = [argument for kind, argument in self.steps if kind == instruction]
        return found[-1] if found else None

    def all(self, instruction):
        """The arguments of all instructions of this kind."""
        return [argument for kind, argument in self.steps if kind == instruction]

    def environment(self):
        """What ENV sets."""
        return dict(pair.split("=", 1) for argument in self.all("ENV") for pair in shlex.split(argument))

    def command(self, instruction):
        """A command in the form of a list; the form of a line would start a shell that swallows signals."""
        return json.loads(self.last(instruction))


KNOWN = {"FROM", "RUN", "COPY", "ENV", "WORKDIR", "USER", "EXPOSE", "LABEL", "STOPSIGNAL", "HEALTHCHECK", "CMD"}


def stages():
    """The stages of the Dockerfile, in order."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    text = re.sub(r"\\\n", " ", "\n".join(lines))
    found = []
    for line in filter(str.strip, text.splitlines()):
        kind, argument = line.split(maxsplit=1)
        if kind not in KNOWN:
            raise AssertionError(f"tests/deploy/dockerfile.py does not know {kind}")
        if kind == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", argument).groups()
            found.append(Stage(base, name))
        else:
            found[-1].steps.append((kind, argument.strip()))
    return found


def health(stage):
    """The command of the health check."""
    return json.loads(stage.last("HEALTHCHECK").split("CMD", 1)[1])


def patterns():
    """The patterns of .dockerignore: (whether it takes files back in, expression)."""
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        back = line.startswith("!")
        parts = line.lstrip("!").strip("/").split("/")
        expression = "/".join("\0" if part == "**" else re.escape(part).replace(r"\*", "[^/]*") for part in parts)
        expression = expression.replace("\0/", "(?:.*/)?").replace("\0", ".*")
        yield back, re.compile(expression + r"(?:/.*)?")


def is_in_context(path, rules):
    """Whether the build sees a file; the last pattern that fits decides."""
    ignored = False
    for back, expression in rules:
        if expression.fullmatch(path):
            ignored = not back
    return not ignored


def context():
    """The files that a build sees, as paths below the root."""
    rules = list(patterns())
    # Folders that are large and ignored as a whole need not be walked.
    skipped = {".git", "target", "node_modules", "dist", ".venv", "__pycache__", "test-results"}
    found = []

    def walk(folder: Path):
        for entry in sorted(folder.iterdir()):
            path = entry.relative_to(ROOT).as_posix()
            if entry.is_symlink() and entry.is_dir():
                continue
            if entry.is_dir():
                if entry.name in skipped and not is_in_context(f"{path}/x", rules):
                    continue
                walk(entry)
            elif is_in_context(path, rules):
                found.append(path)

    walk(ROOT)
    return found
