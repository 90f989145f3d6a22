"""template.yaml is right, and what is wrong would be noticed."""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

import yaml

import settings
from template_faults import faults, is_schedule

# Neither asks AWS for anything; without a region and credentials they would look for some.
OFFLINE = {
    **os.environ,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_EC2_METADATA_DISABLED": "true",
    "SAM_CLI_TELEMETRY": "0",
}
BIN = Path(sys.executable).parent


def run(*command, **options):
    """Runs a tool of this environment, or of the system; the exit code and what it said."""
    done = subprocess.run(
        command, cwd=settings.ROOT, capture_output=True, text=True, timeout=300, **{"env": OFFLINE, **options}
    )
    return done.returncode, done.stdout + done.stderr


class TheTemplate(unittest.TestCase):
    def test_cfn_lint_finds_nothing(self):
        code, said = run(str(BIN / "cfn-lint"), "--template", "template.yaml")
        self.assertEqual(code, 0, said)

    def test_sam_validates_it(self):
        code, said = run(str(BIN / "sam"), "validate", "--lint", "--template-file", "template.yaml")
        self.assertEqual(code, 0, said)
        self.assertIn("is a valid SAM Template", said)

    def test_it_has_no_fault_that_the_linters_miss(self):
        self.assertEqual(list(faults(settings.template())), [])

    def test_the_example_of_parameters_fits(self):
        example = tomllib.loads((settings.ROOT / "samconfig.toml.example").read_text())
        parameters = settings.template()["Parameters"]
        seen = 0
        for stage in ["default", "staging"]:
            given = dict(one.split("=", 1) for one in example[stage]["deploy"]["parameters"]["parameter_overrides"])
            seen += len(given)
            self.assertLessEqual(set(given), set(parameters))
            missing = {name for name, it in parameters.items() if "Default" not in it} - set(given)
            self.assertEqual(missing, set(), f"{stage} does not say them")
        self.assertGreater(seen, 6)


class FaultsAreNoticed(unittest.TestCase):
    """Each case breaks one thing, and it is found."""

    def found_after(self, change):
        template = settings.template()
        change(template["Resources"])
        return list(faults(template))

    def assert_noticed(self, change, words):
        found = self.found_after(change)
        self.assertTrue(any(words in fault for fault in found), f"{words!r} is not among {found}")

    def test_a_short_visibility(self):
        def change(resources):
            resources["JobsQueue"]["Properties"]["VisibilityTimeout"] = 5399

        self.assert_noticed(change, "six times")

    def test_a_misspelt_build_method(self):
        def change(resources):
            resources["RestFunction"]["Metadata"]["BuildMethod"] = "rust-cargo-lambda"

        self.assert_noticed(change, "unknown to SAM")

    def test_a_schedule_without_the_name_of_the_stack(self):
        def change(resources):
            del resources["WorkerFunction"]["Properties"]["Events"]["Drain"]["Properties"]["Name"]

        self.assert_noticed(change, "second stack")

    def test_an_unknown_task(self):
        def change(resources):
            resources["WorkerFunction"]["Properties"]["Events"]["Drain"]["Properties"]["Input"] = '{"task":"train"}'

        self.assert_noticed(change, "does not know")

    def test_a_function_without_log_group(self):
        def change(resources):
            del resources["ProxyFunction"]["Properties"]["LoggingConfig"]

        self.assert_noticed(change, "no log group")

    def test_logs_that_are_kept_for_ever(self):
        def change(resources):
            del resources["ProxyLogGroup"]["Properties"]["RetentionInDays"]

        self.assert_noticed(change, "for ever")

    def test_a_buffered_function(self):
        def change(resources):
            resources["RestFunction"]["Properties"]["FunctionUrlConfig"]["InvokeMode"] = "BUFFERED"

        self.assert_noticed(change, "does not stream")

    def test_a_broad_policy(self):
        def change(resources):
            resources["RestRole"]["Properties"]["Policies"][2]["PolicyDocument"]["Statement"][0]["Resource"] = "*"

        self.assert_noticed(change, "allows")

    def test_a_missing_alarm(self):
        def change(resources):
            del resources["WorkerThrottles"]

        self.assert_noticed(change, "nobody notices Throttles of WorkerFunction")

    def test_an_alarm_far_from_the_limit(self):
        def change(resources):
            resources["RestFunction"]["Properties"]["Timeout"] = 600

        self.assert_noticed(change, "is not near")

    def test_a_missing_dead_letter_queue(self):
        def change(resources):
            del resources["JobsQueue"]["Properties"]["RedrivePolicy"]

        self.assert_noticed(change, "no dead-letter queue")

    def test_schedules(self):
        for good in ["rate(1 minute)", "rate(5 minutes)", "rate(1 hour)", "rate(2 days)", "cron(17 3 * * ? *)"]:
            self.assertTrue(is_schedule(good), good)
        for bad in ["rate(1 minutes)", "rate(5 minute)", "rate(0 hours)", "rate(5m)", "cron(17 3 * * *)", "cron(17 3 * * * *)"]:
            self.assertFalse(is_schedule(bad), bad)


class PlainCargo(unittest.TestCase):
    """scripts/package-lambda.sh, on binaries that are there."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.binaries, self.target = Path(folder.name) / "binaries", Path(folder.name) / "target"
        self.binaries.mkdir()
        # Any program will do to see how programs are packaged, as long as Lambda could run it.
        program = Path(os.environ["TRACEWAY_BIN"])
        for name in ["rest", "proxy", "worker"]:
            shutil.copy(program, self.binaries / name)

    def package(self):
        return run(
            "bash", "scripts/package-lambda.sh", "--binaries", str(self.binaries),
            env={**OFFLINE, "CARGO_TARGET_DIR": str(self.target)},
        )

    def replace(self, name, old, new):
        file = self.binaries / name
        content = file.read_bytes()
        self.assertIn(old, content)
        file.write_bytes(content.replace(old, new))

    def test_its_template_is_that_of_the_root_over_the_packages(self):
        code, said = self.package()
        self.assertEqual(code, 0, said)
        made = self.target / "lambda/template.yaml"
        code, said = run(str(BIN / "sam"), "validate", "--lint", "--template-file", str(made))
        self.assertEqual(code, 0, said)
        packaged, expected = yaml.load(made.read_text(), settings.Loader), settings.template()
        machine = packaged["Parameters"]["Architecture"]["Default"]
        self.assertIn(machine, expected["Parameters"]["Architecture"]["AllowedValues"])
        expected["Parameters"]["Architecture"]["Default"] = machine
        for name in ["rest", "proxy", "worker"]:
            function = expected["Resources"][f"{name.title()}Function"]
            del function["Metadata"]
            function["Properties"]["CodeUri"] = f"{name}/"
            self.assertTrue(os.access(self.target / "lambda" / name / "bootstrap", os.X_OK))
            self.assertTrue((self.target / "lambda" / f"{name}.zip").is_file())
        self.assertEqual(packaged, expected)

    def test_a_binary_that_lambda_has_no_library_for_is_refused(self):
        self.replace("proxy", b"GLIBC_2.34\0", b"GLIBC_2.99\0")
        code, said = self.package()
        self.assertEqual(code, 1, said)
        self.assertIn("needs GLIBC 2.99", said)

    def test_binaries_of_two_machines_are_refused(self):
        file = self.binaries / "worker"
        content = bytearray(file.read_bytes())
        # e_machine: 62 is x86-64, 183 is AArch64.
        content[18] = 183 if content[18] == 62 else 62
        file.write_bytes(content)
        code, said = self.package()
        self.assertEqual(code, 1, said)
        self.assertIn("the others for", said)


if __name__ == "__main__":
    unittest.main()
