"""A home of its own for the program: its data, cache and encoders, gone when the test ends."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROGRAM, DEPS = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
GOLDEN = DEPS / "golden"
TEST = pathlib.Path(sys.argv[0]).stem


def need(path, advice):
    """Ends the test: skipped on a machine without what set-up makes, failed where CI promises that it is there."""
    if path.exists():
        return
    if "CI" in os.environ:
        sys.exit(f"{TEST}: {path} is missing: {advice}")
    print(f"{TEST}: skipped, {path} is missing: {advice}")
    sys.exit(0)


def check(held, what):
    if not held:
        sys.exit(f"{TEST}: {what}")


class House:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="pictor-provenance-")
        self.home = pathlib.Path(self.folder.name)
        self.data = self.home / "share/pictor"
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("ONEDNN")}
        self.environment.update(HOME=str(self.home), XDG_DATA_HOME=str(self.home / "share"),
                                XDG_CACHE_HOME=str(self.home / "cache"), XDG_CONFIG_HOME=str(self.home / "config"))

    def run(self, *arguments, isa="", text=None):
        environment = {**self.environment, **({"ONEDNN_MAX_CPU_ISA": isa} if isa else {})}
        return subprocess.run([PROGRAM, *map(str, arguments)], env=environment, input=text or "", capture_output=True,
                              text=True, errors="replace", timeout=300)

    def must(self, *arguments, isa="", text=None):
        done = self.run(*arguments, isa=isa, text=text)
        check(done.returncode == 0, f"pictor {' '.join(map(str, arguments))} ended with {done.returncode}:\n"
                                    f"{done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *arguments, isa="", text=None):
        return json.loads(self.must(*arguments, "--json", isa=isa, text=text))

    def add_clip(self):
        need(GOLDEN / "clip/hub", "run tools/setup golden")
        self.must("encoder", "add", GOLDEN / "clip/hub", "--name", "clip")

    def pictures(self, count):
        folder = self.home / "photos"
        folder.mkdir(exist_ok=True)
        named = [path for path in sorted((GOLDEN / "pictures").iterdir()) if path.suffix in (".png", ".jpg")]
        for path in named[:count]:
            shutil.copy(path, folder / path.name)
        return folder

    def copy(self):
        """Another house with the same data."""
        other = House()
        shutil.copytree(self.data, other.data)
        return other
