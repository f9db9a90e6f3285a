#!/usr/bin/env python3
"""Runs the commands of docs/how/bring-your-encoder.md as a reader would, on a generated CLIP in the hub's layout.
Usage: how_test.py SOURCE_DIR PICTOR_PROGRAM GOLDEN_DIR"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

source, program, golden = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])


def main():
    if not (golden / "clip/hub").is_dir():
        if "CI" in os.environ:
            sys.exit(f"how_test: {golden}/clip is missing: run tools/setup golden")
        print("how_test: skipped, run tools/setup golden")
        return
    text = (source / "docs/how/bring-your-encoder.md").read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines() if line.strip()]
    if len(lines) != 5:
        sys.exit(f"how_test: five commands are promised, there are {len(lines)}")
    with tempfile.TemporaryDirectory(prefix="pictor-how-") as name:
        home = pathlib.Path(name)
        shutil.copytree(golden / "clip/hub", home / "models/my-clip")
        shutil.copytree(golden / "pictures", home / "photos")
        shutil.copy(home / "photos/00-photo.png", home / "photos/query.png")
        (home / "bin").mkdir()
        (home / "bin/pictor").symlink_to(program)
        environment = {**os.environ, "HOME": str(home), "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
                       "XDG_DATA_HOME": str(home / "data"), "XDG_CACHE_HOME": str(home / "cache")}
        for line in lines:
            done = subprocess.run(["bash", "-c", line], cwd=home, env=environment, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=120)
            if done.returncode != 0:
                sys.exit(f"how_test: '{line}' ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        if "1.000  00-photo.png" not in done.stdout and "1.000  query.png" not in done.stdout:
            sys.exit(f"how_test: the picture did not find itself first:\n{done.stdout}")
    print(f"how_test: {len(lines)} commands ran")


main()
