#!/usr/bin/env python3
"""Runs the commands of docs/how/serve.md, keys-and-tenants.md, watch.md and assistants.md as a reader would, then stops the server. Usage: serve_how_test.py SOURCE_DIR
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


def hang_up(server, wanted):
    """Has the server read its configuration again; it must say what is wanted of it."""
    server.send_signal(signal.SIGHUP)
    for line in server.stderr:  # ends where the server does
        if wanted in line:
            return
    sys.exit(f"serve_how_test: after SIGHUP the server did not say '{wanted}'")


def answers(lines, home, environment, told_by_hangup=""):
    """What each command after the server's printed, which runs meanwhile and is stopped at the end."""
    at = next(number for number, line in enumerate(lines) if line.endswith("&"))
    for line in lines[:at]:
        run(line, home, environment)
    server = subprocess.Popen(["bash", "-c", "exec " + lines[at].removesuffix("&")], cwd=home, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        printed = [run(line, home, environment) for line in lines[at + 1:]]
        found = [json.loads(text) if text.startswith("{") else text for text in printed]
        if told_by_hangup:
            hang_up(server, told_by_hangup)
    finally:
        server.send_signal(signal.SIGTERM)
        told, errors = server.communicate(timeout=60)
    if server.returncode != 0:
        sys.exit(f"serve_how_test: the server ended with {server.returncode}:\n{told}{errors}")
    return found


def promised_of_serve(found):
    ready, put, form, words, picture, facets, receipt, vectors, job, looked, deleted, again, written, changed, checked, shown = found
    queue = next(value for value in shown["values"] if value["key"] == "serve.queue")
    return [ready["ready"], put["status"] == "added", form["id"] == "boat.png", [hit["id"] for hit in words["hits"]] == ["boat.png"],
            picture["hits"][0]["id"] == "cat.png", receipt["state"] == "signed", len(vectors["data"]) == 2,
            facets["facets"][0]["values"] == [{"value": 1994, "items": 1}], job["id"] == "1", looked["kind"] == "verify",
            deleted == again == {"deleted": 1},
            written.startswith("Written: "), changed == "", checked.endswith("is right: 1 value\n"), queue["value"] == "512"]


def promised_of_keys(found):
    ready, put, other, keys, audit = found
    return [ready["ready"], put["status"] == "added", other["status"] == 403, [key["name"] for key in keys["keys"]] == ["ops", "shop"],
            audit["whole"], audit["lines"] == 3]


def promised_of_watch(found):
    ready, top = found
    return [ready["ready"], top["state"] == "ready", top["requests"]["answered"] > 0, top["seconds"] >= 1]


def promised_of_assistants(found):
    ready, pack, message, allowed, over_http = found
    return [ready["ready"], len(pack["entries"]) == 2, pack["tokens"]["used"] <= 4000, [entry["citation"] for entry in pack["entries"]] == [1, 2],
            message["message"]["content"][2]["source"]["media_type"] == "image/jpeg", allowed["entries"] == [],
            allowed["left_out"]["rights"] == 2, over_http["message"]["content"][2]["type"] == "image_url"]


def check(page, promised, stamps, told_by_hangup=""):
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
                       "XDG_DATA_HOME": str(home / "data"), "XDG_CACHE_HOME": str(home / "cache"),
                       "XDG_CONFIG_HOME": str(home / ".config")}
        wanted = promised(answers(lines, home, environment, told_by_hangup))
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
    check("serve.md", promised_of_serve, pictures, "serve.queue is '512'")
    check("keys-and-tenants.md", promised_of_keys, pictures)
    check("watch.md", promised_of_watch, pictures)
    check("assistants.md", promised_of_assistants, pictures)


main()
