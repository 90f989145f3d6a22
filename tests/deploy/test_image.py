"""The image without a Docker engine: its Dockerfile is linted, its context is taken apart, and its last stage is built
and run in a root file system of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import dockerfile
import settings

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
# Not in the path that programs in the image are given.
CHROOT = shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin") or "chroot"


def run(command, **options):
    """Runs something that has to succeed; returns what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


class TheDockerfile(unittest.TestCase):
    def test_hadolint_finds_nothing(self):
        run([str(BIN / "hadolint"), "Dockerfile"], cwd=settings.ROOT)

    def test_bases_are_pinned_and_versions_fit(self):
        bases = {stage.name: stage.base for stage in dockerfile.stages()}
        for name, base in bases.items():
            if base not in bases:
                self.assertRegex(base, r"^[a-z]+:(\d+\.\d+\.\d+-.*|bookworm-\d{8}-slim)$", name)
        builder = re.match(r"rust:(\d+)\.(\d+)", bases["chef"])
        manifest = (settings.ROOT / "Cargo.toml").read_text()
        oldest = re.search(r'^rust-version = "(\d+)\.(\d+)"', manifest, re.M)
        self.assertGreaterEqual([int(n) for n in builder.groups()], [int(n) for n in oldest.groups()])
        # What was linked against a newer C library does not start on an older one.
        releases = {name: re.search(r"bookworm|trixie|forky", base)[0] for name, base in bases.items() if ":" in base}
        self.assertEqual(len(set(releases.values())), 1, releases)

    def test_every_build_is_of_the_locked_versions(self):
        for stage in dockerfile.stages():
            for line in stage.all("RUN"):
                if re.search(r"\bcargo (build|install|chef cook)\b", line):
                    self.assertIn("--locked", line)

    def test_the_image_is_what_platforms_expect(self):
        stage = dockerfile.stages()[-1]
        self.assertEqual(stage.last("EXPOSE").split(), ["3000", "3001"])
        self.assertEqual(stage.last("STOPSIGNAL"), "SIGTERM")
        self.assertEqual(dockerfile.health(stage), ["traceway", "health"])
        self.assertEqual(stage.environment(), {"TRACEWAY_DATA_DIR": "/data"})
        # Numbers, so that Kubernetes can see that it is not root.
        self.assertRegex(stage.last("USER"), r"^[1-9]\d+:[1-9]\d+$")
        # Railway refuses VOLUME; dockerfile.stages() refuses it too, as it does ENTRYPOINT.
        self.assertNotIn("VOLUME", dockerfile.KNOWN)
        self.assertNotIn("ENTRYPOINT", dockerfile.KNOWN)


class TheContext(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = dockerfile.context()

    def test_patterns_are_read_as_docker_reads_them(self):
        rules = list(dockerfile.patterns())
        for path in ["Cargo.toml", ".cargo/config.toml", "handlers/trace/src/lib.rs", "tests/src/lib.rs", "dashboard/package-lock.json"]:
            self.assertTrue(dockerfile.is_in_context(path, rules), path)
        for path in [
            "README.md", "docs/cloud.md", ".env", "dashboard/.env", "handlers/.env.local", "dashboard/node_modules/a/b",
            "tests/target/x", "tests/browser/specs/a.ts", "dashboard/dist/index.html", "traceway.db", "handlers/a.db-wal",
        ]:
            self.assertFalse(dockerfile.is_in_context(path, rules), path)

    def test_it_is_small_and_holds_no_settings(self):
        self.assertGreater(len(self.files), 300)
        self.assertEqual([path for path in self.files if re.search(r"(^|/)\.env|\.db(-|$)|\.pem$", path)], [])
        size = sum((settings.ROOT / path).stat().st_size for path in self.files)
        self.assertLess(size, 20_000_000)

    def test_what_stages_copy_is_there(self):
        stages = {stage.name: stage for stage in dockerfile.stages()}
        for stage in stages.values():
            for copy in stage.all("COPY"):
                words = copy.split()
                if words[0].startswith("--from="):
                    self.assertIn(words[0].removeprefix("--from="), stages)
                    continue
                for source in words[:-1]:
                    fits = source == "." or any(path == source or path.startswith(source.rstrip("/") + "/") for path in self.files)
                    self.assertTrue(fits, f"COPY {source}")

    def test_cargo_and_npm_find_all_they_need(self):
        with tempfile.TemporaryDirectory() as folder:
            for path in self.files:
                target = Path(folder) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(settings.ROOT / path, target)
            said = run(["cargo", "metadata", "--format-version", "1", "--locked", "--no-deps"], cwd=folder)
            packages = {one["name"]: one for one in json.loads(said)["packages"]}
            self.assertIn("api", packages)
            # A file that is compiled in and not there would only be missed by the compiler.
            for source in Path(folder).rglob("*.rs"):
                if "tests" in source.relative_to(folder).parts:
                    continue
                for name in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', source.read_text()):
                    self.assertTrue((source.parent / name).exists(), f"{source} includes {name}")
            lock = json.loads((Path(folder) / "dashboard/package-lock.json").read_text())
            manifest = json.loads((Path(folder) / "dashboard/package.json").read_text())
            self.assertEqual(lock["packages"][""]["devDependencies"], manifest["devDependencies"])


class TheLastStage(unittest.TestCase):
    """What `docker build` and `docker run` would do with the last stage, by hand."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise AssertionError("only root can make a root file system; run scripts/test.sh deploy as root")
        cls.stage = dockerfile.stages()[-1]
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = Path(folder.name) / "root"
        release = re.fullmatch(r"debian:([a-z]+)-\d{8}-slim", cls.stage.base)[1]
        # What Debian's slim images are made of. It need not survive a power cut.
        slim = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ["doc", "man", "locale", "info"]]
        quick = ["--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"']
        run(["mmdebstrap", "--quiet", "--variant=minbase", *slim, *quick, release, str(cls.root)])
        # As an engine does.
        shutil.copy("/etc/resolv.conf", cls.root / "etc/resolv.conf")
        (cls.root / "etc/hosts").write_text("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
        for kind, argument in cls.stage.steps:
            if kind == "RUN":
                # Root's own environment would show in the image.
                clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
                run([CHROOT, str(cls.root), "/bin/sh", "-c", argument], env=clean)
            elif kind == "COPY":
                words = argument.split()
                if words != ["--from=builder", "/build/target/release/traceway", "/usr/local/bin/traceway"]:
                    raise AssertionError(f"COPY {argument} is not understood")
                shutil.copy(os.environ["TRACEWAY_BIN"], cls.root / words[2].lstrip("/"))

    def inside(self, *command):
        user = self.stage.last("USER")
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **self.stage.environment()}
        return run([CHROOT, f"--userspec={user}", str(self.root), *command], env=environment)

    def test_the_user_owns_the_data_and_nothing_else(self):
        uid, gid = (int(number) for number in self.stage.last("USER").split(":"))
        data = (self.root / "data").stat()
        self.assertEqual((data.st_uid, data.st_gid, data.st_mode & 0o777), (uid, gid, 0o700))
        owned = run(["find", str(self.root), "-xdev", "-uid", str(uid), "-not", "-path", f"{self.root}/data*"])
        self.assertEqual(owned, "")
        self.assertIn(f"traceway:x:{uid}:{gid}::/data:", (self.root / "etc/passwd").read_text())
        self.assertTrue((self.root / "etc/ssl/certs/ca-certificates.crt").stat().st_size > 100_000)

    def test_the_binary_has_every_library_it_needs(self):
        needed = self.inside("ldd", "/usr/local/bin/traceway")
        self.assertNotIn("not found", needed)
        self.assertIn("libc.so.6", needed)
        ours = run(["readelf", "-W", "--version-info", os.environ["TRACEWAY_BIN"]])
        wanted = max((tuple(map(int, one.split("."))) for one in re.findall(r"GLIBC_([0-9.]+)", ours)))
        has = re.search(r"(\d+)\.(\d+)$", self.inside("ldd", "--version").splitlines()[0])
        self.assertLessEqual(wanted, tuple(map(int, has.groups())))

    def test_it_starts_answers_and_stops_as_the_user(self):
        self.assertRegex(self.inside("traceway", "--version"), r"^traceway \d+\.\d+\.\d+")
        description = {
            "root": str(self.root),
            "user": [int(number) for number in self.stage.last("USER").split(":")],
            "folder": self.stage.last("WORKDIR"),
            "environment": {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/data", **self.stage.environment()},
            "command": self.stage.command("CMD"),
            "health": dockerfile.health(self.stage),
            "signal": self.stage.last("STOPSIGNAL"),
        }
        # In a network of its own, so that the image's ports are free here too.
        said = run(["unshare", "--net", sys.executable, str(HERE / "run_image.py")], input=json.dumps(description))
        answers = json.loads(said.splitlines()[-1])
        self.assertEqual(answers["health before"], "failed")
        self.assertEqual(answers["health"], "ok")
        self.assertEqual(answers["exit code"], 0)
        self.assertEqual(answers["uids"], description["user"][:1])
        self.assertLessEqual({"traceway.db", "traceway.lock"}, set(answers["data"]))
        # As local mode answers everywhere: who may call is decided by the name that was called.
        self.assertEqual(
            answers["status by host"],
            {"localhost:3000": 200, "172.17.0.2:3000": 200, "traceway:3000": 200, "attacker.example": 403},
        )
        # It listens, and there is no provider in this network.
        self.assertEqual(answers["proxy"], 502)
        self.assertTrue(answers["dashboard"], "the page at / is not the dashboard")


if __name__ == "__main__":
    unittest.main()
