"""What the claims about the server share: a running server, and a client that keeps its connection."""
import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.parse

import claims
import common

START_SECONDS, STOP_SECONDS = 60, 60


def claim(name, wanted):
    """A claim about the server."""
    return claims.claim(name, wanted, what="server")


def program():
    return common.need(common.BUILD / "pictor", "run `make build`")


@contextlib.contextmanager
def home():
    """A place of its own: data, cache and configuration of whoever runs this stay as they are."""
    folder = tempfile.mkdtemp(dir=common.scratch(), prefix="server-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def environment(folder):
    return {**os.environ, "HOME": folder, "XDG_DATA_HOME": f"{folder}/data", "XDG_CACHE_HOME": f"{folder}/cache",
            "XDG_CONFIG_HOME": f"{folder}/config"}


def pictor(folder, *words):
    went = common.run([program(), *words], env=environment(folder), timeout=600)
    return went.must(0).out.strip()


@contextlib.contextmanager
def served(folder, *words):
    """(host, port) of a server over that place; it is stopped, and must end well."""
    process = subprocess.Popen([str(program()), "--json", "serve", "--listen", "127.0.0.1:0", *map(str, words)], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(folder))
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server did not start: {process.stderr.read()[-500:]}")
        address = urllib.parse.urlsplit(json.loads(line)["url"])
        yield address.hostname, address.port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            _, errors = process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    if process.returncode != 0:
        raise RuntimeError(f"the server ended with {process.returncode}: {errors[-500:]}")


class Client:
    """One connection that is kept. ask() gives (status, body)."""

    def __init__(self, address, key=""):
        self.connection = http.client.HTTPConnection(*address, timeout=120)
        self.fields = {"Authorization": f"Bearer {key}"} if key else {}

    def ask(self, method, path, body=None, kind="application/json"):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        fields = self.fields if body is None else {**self.fields, "Content-Type": kind}
        self.connection.request(method, path, body, fields)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def must(self, method, path, body=None, kind="application/json"):
        status, text = self.ask(method, path, body, kind)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {text[:300]!r}")
        return json.loads(text) if text else None
