"""The two services as processes, and serve_load beside them: all on the same two cores."""
import base64
import contextlib
import http.client
import json
import math
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

import common
import ours
from serve_requests import COLLECTION

CORES = sorted(os.sched_getaffinity(0))[:2]  # for a service and what loads it, together
START_SECONDS, STOP_SECONDS = 300, 90


def on_two_cores():
    os.sched_setaffinity(0, CORES)


def percentile(values, share):
    """The smallest that is no less than that share of all: nearest rank, as serve_load takes it."""
    ascending = sorted(values)
    return ascending[max(math.ceil(share * len(ascending)), 1) - 1]


class Service:
    """A process that listens on this machine. start() may be called again after kill(): it is then at the same port."""

    def __init__(self, name, folder):
        self.name, self.folder, self.child, self.port = name, pathlib.Path(folder), None, 0

    def command(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)

    def port_of(self, line):
        raise NotImplementedError

    def start(self):
        self.errors = open(self.folder / "errors.txt", "a")
        self.child = subprocess.Popen([str(word) for word in self.command()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=self.errors, text=True, env=self.environment(), preexec_fn=on_two_cores)
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} did not start: {(self.folder / 'errors.txt').read_text()[-600:]}")
        self.port = self.port_of(json.loads(line))
        return self

    def resident(self):
        """{"rss": bytes, "anon": bytes}: mapped files are in the first alone."""
        lines = pathlib.Path(f"/proc/{self.child.pid}/status").read_text().splitlines()
        found = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith(("VmRSS:", "RssAnon:"))}
        return {"rss": found["VmRSS"], "anon": found["RssAnon"]}

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()
        self.errors.close()

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"{self.name} did not stop within {STOP_SECONDS} s") from None
        self.child.stdout.close()
        self.errors.close()

    def ask(self, method, path, body=None, kind="application/json"):
        """(status, JSON or None) of one request of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, json.dumps(body) if isinstance(body, dict) else body, {"Content-Type": kind} if body else {})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()


class Ours(Service):
    def __init__(self, data, encoder, folder):
        super().__init__(f"Pictor, {encoder}", folder)
        self.data, self.encoder = data.copied(encoder, pathlib.Path(folder) / "data"), encoder

    def command(self):
        return [ours.program(), "--data", self.data, "--json", "--log-level", "error", "serve", "--listen", f"127.0.0.1:{self.port}"]

    def environment(self):
        return {**os.environ, "PICTOR_MODELS": str(common.CARDS), "PICTOR_WEIGHTS": str(common.WEIGHTS),
                "XDG_CACHE_HOME": str(common.scratch() / "cache")}

    def port_of(self, line):
        return urllib.parse.urlsplit(line["url"]).port

    def vectors(self, head, inputs):
        """What it embeds them to: texts, or pictures' bytes."""
        import numpy
        rows = []
        for one in inputs:
            value = one if isinstance(one, str) else {"image": base64.b64encode(one).decode()}
            status, found = self.ask("POST", "/v1/embeddings", {"model": f"{self.encoder}/{head}", "input": [value]})
            if status != 200:
                raise RuntimeError(f"/v1/embeddings answered {status}: {found}")
            rows.append(found["data"][0]["embedding"])
        return numpy.array(rows, numpy.float32)

    def there(self, name):
        return self.ask("GET", f"/v1/collections/{COLLECTION}/items/{name}")[0]


class Peer(Service):
    def __init__(self, data, folder, image=None, ef=None, threads=1, pool=2):
        super().__init__("FastAPI, onnxruntime " + ("int8" if image else "fp32"), folder)
        self.settings = {"data": str(data.peer()), "folder": str(pathlib.Path(folder) / "own"), "image": str(image) if image else None,
                         "threads": threads, "pool": pool, **({"ef": ef} if ef else {})}

    def command(self):
        return [sys.executable, pathlib.Path(__file__).with_name("serve_peer.py"), json.dumps({**self.settings, "port": self.port})]

    def environment(self):
        return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}

    def port_of(self, line):
        self.versions = line["versions"]
        return line["port"]


@contextlib.contextmanager
def running(make, *arguments, **named):
    """A service in a folder of its own, gone afterwards."""
    folder = tempfile.mkdtemp(dir=common.scratch(), prefix="serve-")
    try:
        service = make(*arguments, folder=folder, **named).start()
        try:
            wait_for(service)
            yield service
        finally:
            service.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(service):
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", service.port), timeout=5).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"{service.name} does not listen")


def load_command(port, file, /, **options):
    words = [ours.tool("serve_load"), port, file]
    for name, value in options.items():
        words += [f"--{name}", value if not isinstance(value, dict) else ",".join(f"{one}={share}" for one, share in value.items())]
    return [str(word) for word in words]


def load(service, file, /, **options):
    """What serve_load tells: open={class: a second} or closed={class: weight}, and its other options by name."""
    done = subprocess.run(load_command(service.port, file, **options), capture_output=True, text=True, preexec_fn=on_two_cores,
                          timeout=options.get("seconds", 600) + 120)
    if done.returncode != 0:
        raise RuntimeError(f"serve_load ended with {done.returncode}: {done.stderr[-400:]}")
    return json.loads(done.stdout)


def faults_of(told, allowed=()):
    """What became of requests that were neither answered well nor refused in an allowed way."""
    found = {}
    for name, one in told["classes"].items():
        bad = {status: count for status, count in one["statuses"].items() if not status.startswith("2") and int(status) not in allowed}
        bad.update({word: one[word] for word in ("broken", "unanswered") if one[word]})
        if bad:
            found[name] = bad
    return found


def answers(service, requests, said, name, count):
    """Ids that the first `count` requests of a class are answered with, in their order."""
    path = service.folder / f"answers-{name}.jsonl"
    count = min(count, len(said[name]))
    told = load(service, requests, closed={name: 1}, connections=1, seconds=600, requests=count, answers=path)
    if faults_of(told):
        raise RuntimeError(f"{service.name}, {name}: {faults_of(told)}")
    found = sorted((json.loads(line) for line in path.read_text().splitlines()), key=lambda line: line["number"])
    if [line["number"] for line in found] != list(range(count)):
        raise RuntimeError(f"{service.name} answered {len(found)} of {count} requests of class {name}")
    return [line["ids"] for line in found]


def logged(path):
    """(class, serial, status, due_us, end_us) of every line of a log of serve_load."""
    for line in pathlib.Path(path).read_text().splitlines():
        name, _, serial, status, due, end = line.split()
        yield name, int(serial), int(status), int(due), int(end)
