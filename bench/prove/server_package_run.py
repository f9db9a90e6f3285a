#!/usr/bin/env python3
"""server_package_run.py PICTURES USER ROOT PROGRAM: what a packaged server does in a bare root, as JSON on standard output.

Adds pictures, stops the server, starts it twice more, and measures each time from the start of the process to the answer
of its first search by words. tools/bare_package.sh runs it in a name space without a network; the standard library is all
it needs. USER owns the data, and the server runs as that user; "root" for a tarball.
"""
import contextlib
import fcntl
import json
import pathlib
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import server_house  # noqa: E402

HOME = "/var/lib/pictor"
NOT_WANTED = ("usr/bin/python3", "usr/bin/gcc", "usr/bin/cc", "usr/bin/c++")
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        asked = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16sh22x", fcntl.ioctl(one, SIOCGIFFLAGS, asked))[1]
        fcntl.ioctl(one, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))


def command(root, user, program, *words):
    return ["chroot", f"--userspec={user}:{user}", root, "env", "-i", "PATH=/usr/bin:/bin", f"HOME={HOME}", program, "--data", f"{HOME}/data",
            *words]


@contextlib.contextmanager
def server(root, user, program):
    """(moment of the start, client) of a server that is stopped at the end, and must end well."""
    started = time.perf_counter()
    process = subprocess.Popen(command(root, user, program, "--json", "serve", "--listen", "127.0.0.1:7733"), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"the server did not start: {process.stderr.read()[-800:]}")
    address = urllib.parse.urlsplit(json.loads(line)["url"])
    yield started, server_house.Client((address.hostname, address.port))
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    if process.returncode != 0:
        raise SystemExit(f"the server ended with {process.returncode}: {errors[-800:]}")


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def first_answer(root, user, program):
    """Seconds from the start to listening, and to the first answer; how many hits it had; what the whole took of processors,
    by which a figure can be judged that was taken while others were at work."""
    found, used = {}, cpu_seconds()
    with server(root, user, program) as (started, client):
        found["listening_s"] = time.perf_counter() - started
        answer = client.must("POST", "/v1/collections/photos/search", {"text": "a ripe strawberry", "k": 3})
        found["answer_s"], found["hits"] = time.perf_counter() - started, len(answer["hits"])
    return {**found, "cpu_s": cpu_seconds() - used}


def embedded(root, user, program, run_time):
    """How many numbers both run times, of which one is opened by name, make of words."""
    words = command(root, user, program, "--runtime", run_time, "embed", "--text", "a ripe strawberry", "--format", "npy")
    went = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    if went.returncode != 0:
        raise SystemExit(f"{run_time}: {went.stderr.decode()[-800:]}")
    return len(went.stdout)


def main():
    pictures, user, root, program = sys.argv[1:5]
    raise_loopback()
    home = pathlib.Path(root + HOME)
    home.mkdir(parents=True, exist_ok=True)
    if user != "root":
        subprocess.run(["chroot", root, "chown", f"{user}:{user}", HOME], check=True)
    with server(root, user, program) as (_, client):
        for path in sorted(pathlib.Path(pictures).iterdir()):
            client.must("PUT", f"/v1/collections/photos/items/{path.name}", path.read_bytes(), "application/octet-stream")
    found = {"first": first_answer(root, user, program), "again": first_answer(root, user, program)}
    found["embedded_bytes"] = {name: embedded(root, user, program, name) for name in ("openvino", "onnxruntime")}
    found["not_bare"] = [name for name in NOT_WANTED if (pathlib.Path(root) / name).exists()]
    print(json.dumps(found))


main()
