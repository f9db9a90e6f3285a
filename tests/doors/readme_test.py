#!/usr/bin/env python3
"""Runs the commands of README.md as a reader would: every `pictor ...` line of its shell blocks, in order, in a copy of
the demo's surroundings; every `make` target must exist. Usage: readme_test.py SOURCE_DIR PICTOR_PROGRAM STAMPS_DIR"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

source, program, stamps = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
targets = set(re.findall(r"^([a-z]+)(?: [a-z]+)*:", (source / "Makefile").read_text(), re.M))


def commands():
    for block in re.findall(r"```sh\n(.*?)```", (source / "README.md").read_text(), re.S):
        yield from (line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip())


def prepare(folder):
    """A small folder of real photos, as the README's reader has one."""
    found = sorted(stamps.rglob("*.png"))[::40]
    if not found:
        sys.exit(f"readme_test: no pictures in {stamps}")
    photos = folder / "photos"
    photos.mkdir()
    for picture in found:
        shutil.copy(picture, photos / picture.name)
        text = picture.with_suffix(".txt")
        if text.exists():
            shutil.copy(text, photos / text.name)
    shutil.copy(found[0], folder / "query.png")
    (folder / "bin").mkdir()
    (folder / "bin/pictor").symlink_to(program)
    ids = [str(path.relative_to(photos)) for path in sorted(photos.glob("*.png"))]
    return {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PICTOR_DATA": str(folder / "data"),
            "FIRST_ID": ids[0]}


def main():
    ran = 0
    with tempfile.TemporaryDirectory(prefix="pictor-readme-") as name:
        folder = pathlib.Path(name)
        environment = prepare(folder)
        for command in commands():
            if command.startswith("make "):
                wanted = re.match(r"make ([a-z]+)", command)[1]
                if wanted not in targets:
                    sys.exit(f"readme_test: README says '{command}', the Makefile has no '{wanted}'")
            elif command.startswith("pictor serve"):
                pass  # runs until it is stopped: serve_how_test.py runs it
            elif command.startswith("pictor "):
                done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                      capture_output=True, text=True, timeout=120)
                if done.returncode != 0:
                    sys.exit(f"readme_test: '{command}' ended with {done.returncode}:\n{done.stdout}{done.stderr}")
                ran += 1
            elif not command.startswith(("git clone", "cd ", "apt-get install", "#", "export PATH", "alias ")):
                sys.exit(f"readme_test: nobody knows how to check '{command}'")
    if ran < 5:
        sys.exit(f"readme_test: only {ran} commands of the README were run")
    print(f"readme_test: {ran} commands ran")


main()
