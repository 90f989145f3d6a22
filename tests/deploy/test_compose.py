"""The compose files are valid, fit together, and use only what the program and the image have."""

import importlib.util
import json
import re
import subprocess
import unittest
from pathlib import Path

import jsonschema
import yaml

import dockerfile
import settings

FILES = ["docker-compose.yml", "docker-compose.cloud.yml"]
# Built from this folder, so that it has no other version than the folder has.
OURS = "traceway:latest"


def schema():
    """The compose specification's schema."""
    # Found and not imported: what it would import is not needed here.
    package = Path(importlib.util.find_spec("check_jsonschema").submodule_search_locations[0])
    return json.loads((package / "builtin_schemas/vendor/compose-spec.json").read_text())


def load(name):
    """A compose file."""
    return yaml.safe_load((settings.ROOT / name).read_text())


def services():
    """Every service of every file: (file, content of the file, name, service)."""
    for name in FILES:
        content = load(name)
        for service, it in content["services"].items():
            yield name, content, service, it


def named_volumes(service):
    """The named volumes that a service mounts."""
    return [one.split(":")[0] for one in service.get("volumes", []) if not one.startswith((".", "/"))]


class Compose(unittest.TestCase):
    def test_the_files_follow_the_specification(self):
        validator = jsonschema.validators.validator_for(schema())(schema())
        for name in FILES:
            self.assertEqual([error.message for error in validator.iter_errors(load(name))], [], name)
        broken = load(FILES[0])
        broken["services"]["traceway"]["prots"] = ["1:1"]
        self.assertNotEqual(list(validator.iter_errors(broken)), [], "the schema refuses nothing")

    def test_images_are_pinned_or_built_here(self):
        for name, content, service, it in services():
            if it["image"] != OURS:
                self.assertRegex(it["image"], r"^[a-z]+:\d+\.\d+(\.\d+)?-[a-z]+$", f"{name}: {service}")
            if "build" in it:
                self.assertEqual((it["image"], it["build"]), (OURS, "."), f"{name}: {service}")
        for name in FILES:
            self.assertTrue(any("build" in it for it in load(name)["services"].values()), name)

    def test_what_is_named_is_declared(self):
        for name, content, service, it in services():
            for volume in named_volumes(it):
                self.assertIn(volume, content["volumes"], f"{name}: {service}")
            for needed, how in it.get("depends_on", {}).items():
                self.assertIn(needed, content["services"], f"{name}: {service}")
                if how["condition"] == "service_healthy":
                    other = content["services"][needed]
                    has_check = "healthcheck" in other or other["image"] == OURS
                    self.assertTrue(has_check, f"{name}: {needed} is never healthy")
            for config in it.get("configs", []):
                self.assertIn(config["source"], content["configs"], f"{name}: {service}")
        for name in FILES:
            content = load(name)
            used = {volume for it in content["services"].values() for volume in named_volumes(it)}
            self.assertEqual(used, set(content["volumes"]), name)

    def test_variables_are_settings(self):
        for name, content, service, it in services():
            if it["image"] != OURS:
                continue
            for variable in it.get("environment", {}):
                self.assertIn(variable, settings.in_code(), f"{name}: {service}")
        for name in FILES:
            asked = set(re.findall(r"\$\{([A-Z_]+)", (settings.ROOT / name).read_text()))
            self.assertLessEqual(asked, {one for one, _, _ in settings.example()}, name)

    def test_local_mode_is_open_to_this_machine_only(self):
        for port in load("docker-compose.yml")["services"]["traceway"]["ports"]:
            self.assertRegex(port, r"^127\.0\.0\.1:(\d+):\1$")

    def test_replicas_differ_in_nothing_but_their_volume(self):
        cloud = load("docker-compose.cloud.yml")["services"]
        replicas = {name: it for name, it in cloud.items() if name.startswith("replica-")}
        self.assertEqual(len(replicas), 2)
        volumes = [it.pop("volumes") for it in replicas.values()]
        self.assertNotEqual(*volumes)
        self.assertEqual(*replicas.values())

    def test_the_balancer_knows_every_replica_on_both_ports(self):
        content = load("docker-compose.cloud.yml")
        caddyfile = content["configs"]["caddyfile"]["content"]
        image = dockerfile.stages()[-1].last("EXPOSE").split()
        for port in image:
            upstreams = re.search(rf"^:{port} \{{\s*reverse_proxy ([^{{]*)\{{", caddyfile, re.M)
            self.assertIsNotNone(upstreams, port)
            replicas = [name for name in content["services"] if name.startswith("replica-")]
            self.assertEqual(upstreams[1].split(), [f"{name}:{port}" for name in replicas])
        self.assertIn("health_uri /api/ready", caddyfile)
        # Buffered streams would show answers only when they are complete.
        self.assertIn("flush_interval -1", caddyfile)
        subprocess.run(
            ["caddy", "validate", "--adapter", "caddyfile", "--config", "-"],
            input=caddyfile, text=True, check=True, capture_output=True, timeout=60,
        )


if __name__ == "__main__":
    unittest.main()
