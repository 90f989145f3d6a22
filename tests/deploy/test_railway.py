"""railway.json has the keys and types that Railway's reference lists, and says what our image can do."""

import json
import os
import re
import shlex
import subprocess
import unittest

import jsonschema
import yaml

import settings

# From "Config as Code" of Railway's reference. Its published schema is not in any package registry. The two periods are
# written as texts there, but the deployment takes numbers only.
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["build", "deploy"],
    "properties": {
        "$schema": {"const": "https://railway.com/railway.schema.json"},
        "build": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "builder": {"enum": ["DOCKERFILE", "RAILPACK"]},
                "dockerfilePath": {"type": "string"},
                "watchPatterns": {"type": "array", "items": {"type": "string"}},
                "buildCommand": {"type": "string"},
            },
        },
        "deploy": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "startCommand": {"type": "string"},
                "preDeployCommand": {"type": "array", "items": {"type": "string"}, "maxItems": 1},
                "healthcheckPath": {"type": "string", "pattern": "^/"},
                "healthcheckTimeout": {"type": "integer", "minimum": 1},
                "restartPolicyType": {"enum": ["ON_FAILURE", "ALWAYS", "NEVER"]},
                "restartPolicyMaxRetries": {"type": "integer", "minimum": 1},
                "overlapSeconds": {"type": "integer", "minimum": 0},
                "drainingSeconds": {"type": "integer", "minimum": 0},
                "multiRegionConfig": {"type": "object"},
            },
        },
    },
}


def railway():
    """The file."""
    return json.loads((settings.ROOT / "railway.json").read_text())


class Railway(unittest.TestCase):
    def test_it_follows_the_reference(self):
        jsonschema.validate(railway(), SCHEMA)
        text = railway()
        text["deploy"]["drainingSeconds"] = "30"
        with self.assertRaises(jsonschema.ValidationError):
            jsonschema.validate(text, SCHEMA)

    def test_it_builds_our_image_and_waits_for_it(self):
        it = railway()
        self.assertTrue((settings.ROOT / it["build"]["dockerfilePath"]).is_file())
        routes = json.loads((settings.ROOT / "dashboard/openapi.json").read_text())["paths"]
        self.assertIn(it["deploy"]["healthcheckPath"], routes)
        # A process stops within the drain (3 s) and 10 s more.
        self.assertGreater(it["deploy"]["drainingSeconds"], 13)
        # The API listens where Railway says; an image that sets the address would be deaf there.
        image = (settings.ROOT / "Dockerfile").read_text()
        self.assertNotRegex(image, r"(?m)^\s*(ENV\s+)?(PORT|TRACEWAY_API_ADDR)=")


class Commands(unittest.TestCase):
    def test_every_command_that_is_written_down_exists(self):
        """What files and pages for deployment tell `traceway` to do, the program can do."""
        written = [railway()["deploy"]["startCommand"], *railway()["deploy"]["preDeployCommand"]]
        for name in ["docker-compose.yml", "docker-compose.cloud.yml"]:
            content = yaml.safe_load((settings.ROOT / name).read_text())
            written += [" ".join(it["command"]) for it in content["services"].values() if "traceway" in it.get("command", [])]
        page = (settings.ROOT / "docs/hosting.md").read_text()
        written += re.findall(r"`(traceway [a-z][^`]*)`", page)
        written += re.findall(r"(?m)^(?:\$ )?(traceway [a-z][^#\n]*)", page)
        self.assertGreater(len(written), 8)
        for line in sorted(set(written)):
            words = shlex.split(line.split(" | ")[0])[1:]
            said = subprocess.run(
                [os.environ["TRACEWAY_BIN"], words[0], "--help"], capture_output=True, text=True, timeout=60
            )
            self.assertEqual(said.returncode, 0, f"{line}: {said.stderr}")
            for word in words[1:]:
                if word.startswith("--"):
                    self.assertIn(word.split("=")[0], said.stdout, line)


if __name__ == "__main__":
    unittest.main()
