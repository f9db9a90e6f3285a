#!/usr/bin/env python3
"""Plays what clients of earlier versions sent, byte for byte, to a server of now, and holds the answers against those of then.

Usage: replay.py PROGRAM FILE...            each FILE is played to a server of its own with an empty data folder
       replay.py --record PROGRAM FILE...   fills in the answers of requests in FILE that have none; never touches one that is there

A recording stays as it is for ever (api/openapi.yaml: within v1 nothing is renamed or removed). It is a line of JSON a request:
method, target, fields, body (text) or body_base64, and the answer: status, type, body. A new answer may have more fields than
the recorded one; it may lack none, and none may have another type. Values that an API promises (STABLE) must be equal, and
lists of NAMED must have the same length. "keep": {"cursor": "/next"} keeps a value of the answer; later targets may say {cursor}.
"""
import base64
import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import urllib.parse

STABLE = {"id", "status", "code", "count", "deleted", "object", "keep", "head", "kind", "role", "field", "line", "rank",
          "index", "items", "distinct", "dim", "metric", "ready", "external", "value", "title", "http"}
NAMED = {"hits", "items", "data", "lines", "versions", "facets", "values", "keys", "tenants"}
FIELDS = {"X-Request-Id", "X-Content-Type-Options"}  # that every answer has


@contextlib.contextmanager
def served(program):
    with tempfile.TemporaryDirectory(prefix="pictor-replay-") as home:
        environment = {**os.environ, "HOME": home, "XDG_DATA_HOME": f"{home}/data", "XDG_CACHE_HOME": f"{home}/cache",
                       "XDG_CONFIG_HOME": f"{home}/config"}
        process = subprocess.Popen([program, "--json", "serve", "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        try:
            line = process.stdout.readline()
            if not line:
                sys.exit(f"replay: the server did not start: {process.stderr.read()[-500:]}")
            address = urllib.parse.urlsplit(json.loads(line)["url"])
            yield http.client.HTTPConnection(address.hostname, address.port, timeout=120)
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=60)
        if process.returncode != 0:
            sys.exit(f"replay: the server ended with {process.returncode}: {errors[-500:]}")


def body_of(request):
    return base64.b64decode(request["body_base64"]) if "body_base64" in request else request.get("body", "").encode()


def ask(connection, request, kept):
    target = request["target"]
    for name, value in kept.items():
        target = target.replace("{" + name + "}", urllib.parse.quote(str(value), safe=""))
    connection.request(request["method"], target, body_of(request) or None, request.get("fields", {}))
    answer = connection.getresponse()
    raw = answer.read()
    return {"status": answer.status, "type": answer.headers.get("Content-Type", ""), "body": read_body(answer, raw)}, answer.headers


def read_body(answer, raw):
    kind = answer.headers.get("Content-Type", "")
    if kind.endswith("ndjson"):
        return [json.loads(line) for line in raw.decode().splitlines()]
    if "json" in kind:
        return json.loads(raw)
    return {"bytes": len(raw)}


def kind_of(value):
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def differences(then, now, where, name=""):
    """What of the answer of then is missing or other now."""
    if then is None:
        return []
    if kind_of(then) != kind_of(now):
        return [f"{where}: was {kind_of(then)} {json.dumps(then)[:80]}, is {kind_of(now)} {json.dumps(now)[:80]}"]
    if isinstance(then, dict):
        missing = [f"{where}/{key}: is gone" for key in then if key not in now]
        return missing + [one for key in then if key in now for one in differences(then[key], now[key], f"{where}/{key}", key)]
    if isinstance(then, list):
        wrong = [f"{where}: had {len(then)} elements, has {len(now)}"] if name in NAMED and len(then) != len(now) else []
        return wrong + [one for i, (a, b) in enumerate(zip(then, now)) for one in differences(a, b, f"{where}/{i}")]
    return [f"{where}: was {then!r}, is {now!r}"] if name in STABLE and then != now else []


def at_pointer(value, pointer):
    for part in pointer.strip("/").split("/"):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def play(program, path, record):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    wrong, kept = [], {}
    with served(program) as connection:
        for number, line in enumerate(lines, 1):
            answer, fields = ask(connection, line, kept)
            where = f"{path.name}:{number} {line['method']} {line['target']}"
            wrong += [f"{where}: the field {name} is missing" for name in FIELDS if name not in fields]
            if "answer" in line:
                wrong += differences(line["answer"], answer, where)
                if line["answer"]["type"] != answer["type"]:
                    wrong.append(f"{where}: was {line['answer']['type']}, is {answer['type']}")
            elif record:
                line["answer"] = answer
            else:
                wrong.append(f"{where}: was never recorded")
            for name, pointer in line.get("keep", {}).items():
                kept[name] = at_pointer(answer["body"], pointer)
    if record:
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return len(lines), wrong


def main():
    words = sys.argv[1:]
    record = words[:1] == ["--record"]
    program, *files = words[1:] if record else words
    if not files:
        sys.exit(__doc__)
    failed = False
    for path in map(pathlib.Path, files):
        count, wrong = play(program, path, record)
        for one in wrong[:20]:
            print(f"replay: {one}", file=sys.stderr)
        failed = failed or bool(wrong)
        print(f"replay: {path.name}: {count} requests, {len(wrong)} differences")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
