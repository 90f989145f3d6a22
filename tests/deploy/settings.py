"""What can be set from outside, read from the code and from each file that repeats it."""

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]

# Where the environment is read; nothing else may read it.
SOURCES = ["runtime-local/src", "cloud/src", "runtime-lambda/src"]

# The part of it that functions on Lambda are made of.
ON_LAMBDA = ["cloud/src", "runtime-lambda/src"]

# Names in the code that nobody sets: what cargo and Lambda give to a process, and a switch of the tests.
GIVEN = re.compile(r"CARGO_.*|UPDATE_DOCS|AWS_(?!REGION$).*|_HANDLER|_X_AMZN_TRACE_ID")

# Names that only files for deployment know.
POSTGRES_PASSWORD = "POSTGRES_PASSWORD"

# What a function on Lambda could read and is not told, and why.
NOT_ON_LAMBDA = {
    "TRACEWAY_CLOUD": "functions are always in cloud mode",
    "TRACEWAY_DRAIN": "Lambda ends instances",
    "TRACEWAY_API_KEY": "TRACEWAY_API_KEYS holds the operator's keys",
    "POLAR_PRO_PRODUCT_ID": "another name of POLAR_PRODUCT_PRO_ID",
    "POLAR_TEAM_PRODUCT_ID": "another name of POLAR_PRODUCT_TEAM_ID",
    "RUST_LOG": "TRACEWAY_LOG says it",
    "AWS_REGION": "Lambda sets it",
}


def rust_files(folders):
    """Every Rust file below some folders, without its tests."""
    for folder in folders:
        if not (ROOT / folder).is_dir():
            raise AssertionError(f"{folder} is not there; tests/deploy/settings.py has to learn where settings went")
        for file in sorted((ROOT / folder).rglob("*.rs")):
            if file.name == "tests.rs" or "tests" in file.relative_to(ROOT / folder).parts:
                continue
            text = file.read_text()
            yield file, re.split(r"#\[cfg\(test\)\]\s*mod ", text)[0]


def in_code(folders=SOURCES):
    """Names of all environment variables that the code reads."""
    names = set()
    for _, text in rust_files(folders):
        names |= set(re.findall(r'\benv\s*=\s*"([A-Z][A-Z0-9_]*)"', text))
        names |= set(re.findall(r'\benv::var(?:_os)?\(\s*"([A-Z][A-Z0-9_]*)"', text))
        # Names are also passed around: lists of alternatives, and what mistakes are called by.
        names |= set(re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"', text))
        for alternatives in re.findall(r"first_set\(&\[([^\]]*)\]", text):
            names |= set(re.findall(r'"([A-Z][A-Z0-9_]*)"', alternatives))
    return {name for name in names if not GIVEN.fullmatch(name)}


def flags():
    """The attributes of each flag that has a variable: (variable, attribute text, help text)."""
    found = []
    for _, text in rust_files(SOURCES):
        # The help is the comment above the attribute.
        pattern = r'((?:^[ \t]*///[^\n]*\n)*)[ \t]*#\[arg\(((?:[^()]|\([^()]*\))*?)\)\]'
        for comment, attribute in re.findall(pattern, text, re.M):
            variable = re.search(r'\benv\s*=\s*"([A-Z0-9_]+)"', attribute)
            if variable:
                found.append((variable[1], attribute, comment))
    return found


def secrets():
    """Names of the variables whose values nobody may see."""
    return {name for name, attribute, _ in flags() if re.search(r"hide_env_values\s*=\s*true", attribute)}


def required():
    """Names of the variables that cloud mode does not start without."""
    return {name for name, _, help_text in flags() if "[default: required]" in help_text}


def example():
    """The lines of .env.example that set something: (name, value, whether it is commented out)."""
    lines = []
    for line in (ROOT / ".env.example").read_text().splitlines():
        found = re.fullmatch(r"(# ?)?([A-Z][A-Z0-9_]*)=(.*)", line)
        if found:
            lines.append((found[2], found[3], bool(found[1])))
    return lines


def named(path):
    """Names in backticks in a document."""
    text = (ROOT / path).read_text()
    return set(re.findall(r"`([A-Z][A-Z0-9_]+)(?:=[^`]*)?`", text))


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as the long ones: `!Ref x` is `{"Ref": "x"}`."""


def short_form(loader, suffix, node):
    """One short form."""
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", short_form)


def template():
    """template.yaml, read anew, so that a test may change it."""
    # YAML aliases become one object in several places; JSON does not have that, so a copy has its own of each.
    return json.loads(json.dumps(yaml.load((ROOT / "template.yaml").read_text(), Loader)))
