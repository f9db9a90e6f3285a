#!/usr/bin/env python3
"""Runs the commands of docs/how/serve.md and keys-and-tenants.md as a reader would, then stops the server. Usage: serve_how_test.py SOURCE_DIR
PICTOR_PROGRAM STAMPS_DIR"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

source, program, stamps = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def run(line, home, environment):
    done = subprocess.run(["bash", "-c", line], cwd=home, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=120)
    if done.returncode != 0:
        sys.exit(f"serve_how_test: '{line}' ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def answers(lines, home, environment):
    """What each command after the server's printed, which runs meanwhile and is stopped at the end."""
    at = next(number for number, line in enumerate(lines) if line.endswith("&"))
    for line in lines[:at]:
        run(line, home, environment)
    server = subprocess.Popen(["bash", "-c", "exec " + lines[at].removesuffix("&")], cwd=home, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        found = [json.loads(run(line, home, environment)) for line in lines[at + 1:]]
    finally:
        server.send_signal(signal.SIGTERM)
        told, errors = server.communicate(timeout=60)
    if server.returncode != 0:
        sys.exit(f"serve_how_test: the server ended with {server.returncode}:\n{told}{errors}")
    return found


def promised_of_serve(found):
    ready, put, form, words, picture, receipt, vectors = found
    return [ready["ready"], put["status"] == "added", form["id"] == "boat.png", [hit["id"] for hit in words["hits"]] == ["boat.png"],
            picture["hits"][0]["id"] == "cat.png", receipt["state"] == "signed", len(vectors["data"]) == 2]


def promised_of_keys(found):
    ready, put, other, keys, audit = found
    return [ready["ready"], put["status"] == "added", other["status"] == 403, [key["name"] for key in keys["keys"]] == ["ops", "shop"],
            audit["whole"], audit["lines"] == 3]


def check(page, promised, stamps):
    text = (source / "docs/how" / page).read_text().replace("7733", str(free_port()))
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines() if line.strip()]
    with tempfile.TemporaryDirectory(prefix="pictor-serve-") as name:
        home = pathlib.Path(name)
        (home / "photos").mkdir()
        shutil.copy(stamps[10], home / "photos/cat.png")
        shutil.copy(stamps[200], home / "photos/boat.png")
        (home / "bin").mkdir()
        (home / "bin/pictor").symlink_to(program)
        environment = {**os.environ, "HOME": str(home), "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
                       "XDG_DATA_HOME": str(home / "data"), "XDG_CACHE_HOME": str(home / "cache")}
        wanted = promised(answers(lines, home, environment))
    if not all(wanted):
        sys.exit(f"serve_how_test: {page}: not what was promised: {wanted}")
    print(f"serve_how_test: {len(lines)} commands of {page} ran")


def main():
    if shutil.which("curl") is None:
        if "CI" in os.environ:
            sys.exit("serve_how_test: curl is missing: run tools/setup check")
        print("serve_how_test: skipped, curl is missing")
        return
    pictures = sorted(stamps.rglob("*.png"))
    check("serve.md", promised_of_serve, pictures)
    check("keys-and-tenants.md", promised_of_keys, pictures)


main()
