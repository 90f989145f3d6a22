"""Every setting of the code stands in each file that lists settings, and nothing else does."""

import re
import unittest

import settings

PREFIXES = re.compile(r"(TRACEWAY|TURBOPUFFER|RESEND|POLAR)_.*")
# Read while building, not while running.
BUILD = {"TRACEWAY_DASHBOARD"}


class SettingsAreInStep(unittest.TestCase):
    maxDiff = None

    def assert_none(self, names, message):
        self.assertEqual(sorted(names), [], message)

    def test_the_code_is_read(self):
        # Were the patterns to miss the code, every check below would pass on nothing.
        code = settings.in_code()
        self.assertGreater(len(code), 45)
        for name in ["PORT", "REGION", "TRACEWAY_API_KEY", "DATABASE_URL", "TRACEWAY_DATA_DIR", "TRACEWAY_SECRET_ARN"]:
            self.assertIn(name, code)
        self.assertEqual(
            settings.required(), {"DATABASE_URL", "TURBOPUFFER_API_KEY", "JWT_SECRET", "RESEND_API_KEY"}
        )
        self.assertGreater(len(settings.secrets()), 8)
        every_env = sum(len(re.findall(r'\benv\s*=\s*"', text)) for _, text in settings.rust_files(settings.SOURCES))
        self.assertEqual(len(settings.flags()), every_env, "a flag's attribute is not understood")

    def test_the_example_lists_every_setting_once(self):
        names = [name for name, _, _ in settings.example()]
        self.assertEqual(sorted(names), sorted(set(names)), "twice in .env.example")
        self.assert_none(settings.in_code() - set(names), "missing from .env.example")
        known = settings.in_code() | {settings.POSTGRES_PASSWORD}
        self.assert_none(set(names) - known, "in .env.example, but nothing reads it")

    def test_the_example_sets_nothing_and_holds_no_secret(self):
        for name, value, commented in settings.example():
            self.assertTrue(commented, f"{name} is set in .env.example")
            if name in settings.secrets() | {settings.POSTGRES_PASSWORD, "TRACEWAY_API_KEY"}:
                harmless = value == "" or "PASSWORD" in value or re.fullmatch(r"\w+://localhost:\d+", value)
                self.assertTrue(harmless, f"{name} has a value in .env.example")

    def test_the_pages_name_every_setting(self):
        for page in ["docs/configuration.md", "docs/hosting.md"]:
            self.assert_none(settings.in_code() - settings.named(page), f"missing from {page}")

    def test_the_pages_name_no_setting_that_is_gone(self):
        for page in ["docs/configuration.md", "docs/hosting.md", "docs/cloud.md", "docs/security.md", "README.md"]:
            ours = {name for name in settings.named(page) if PREFIXES.fullmatch(name)}
            self.assert_none(ours - settings.in_code() - BUILD, f"in {page}, but nothing reads it")

    def test_the_table_of_required_settings_is_complete(self):
        page = (settings.ROOT / "docs/hosting.md").read_text()
        table = re.search(r"### Required\n(.*?)\n### ", page, re.S)
        self.assertIsNotNone(table, "docs/hosting.md has no table of required settings")
        names = set(re.findall(r"^\| `([A-Z_]+)` \|", table[1], re.M))
        self.assertEqual(names, settings.required())

    def test_functions_are_told_every_setting_that_is_no_secret(self):
        variables = settings.template()["Globals"]["Function"]["Environment"]["Variables"]
        code, secret = settings.in_code(settings.ON_LAMBDA), settings.secrets()
        wanted = code - secret - set(settings.NOT_ON_LAMBDA)
        self.assert_none(wanted - set(variables), "template.yaml does not set it")
        self.assert_none(set(variables) - code, "set in template.yaml, but nothing reads it")
        self.assert_none(set(variables) & secret, "a secret in the environment of template.yaml")
        self.assert_none(set(settings.NOT_ON_LAMBDA) - code, "in NOT_ON_LAMBDA, but nothing reads it")

    def test_the_secret_is_described_by_all_its_keys(self):
        described = settings.template()["Parameters"]["SecretArn"]["Description"]
        names = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", described))
        # A key that clients send is no secret of the server.
        self.assertEqual(names, settings.secrets() - {"TRACEWAY_API_KEY"})


if __name__ == "__main__":
    unittest.main()
