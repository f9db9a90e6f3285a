#!/usr/bin/env python3
"""Runs an example on a few real pictures and checks its answer: run.py PROGRAM SOURCE_DIR DEPS_DIR"""
import pathlib
import subprocess
import sys
import tempfile

program, source, deps = (pathlib.Path(argument) for argument in sys.argv[1:4])
pictures = [str(path) for path in sorted((deps / "data/stamps").rglob("*.png"))[::60]]
if len(pictures) < 5:
    sys.exit(f"no pictures in {deps / 'data/stamps'}: run `tools/data stamps {deps / 'data/stamps'}`")
with tempfile.TemporaryDirectory() as folder:
    done = subprocess.run([program, folder + "/data", source / "models", deps / "models", pictures[2], *pictures],
                          capture_output=True, text=True, timeout=120)
    print(done.stdout, done.stderr)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or lines[0] != f"{len(pictures)} stored, 0 refused" or not lines[1].endswith(pictures[2]):
        sys.exit("the example did not find the picture by itself")
