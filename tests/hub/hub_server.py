#!/usr/bin/env python3
"""A hub on loopback for tests: hub_server.py ROOT serves the files of ROOT as the repository acme/tiny at a commit.

Two ports stand for two hosts: the hub, which lists files and sends readers of large ones on, and the store, which has
those. Prints "ready HUB_PORT STORE_PORT", then takes one command a line and answers each with one line "ok" or more:

    fault KEY KIND TIMES NUMBER   the next TIMES answers for KEY (a path, or "listing") go wrong, see FAULTS
    clear                         no more faults
    log                           "COUNT", then a line a request since the last log: PORT KEY STATUS START SENT TOKEN
                                  (START: first byte sent, SENT: bytes of the body that were sent)
    large BYTES                   files from this size on are large (kept in the store, named by SHA-256)
    pace MICROSECONDS             bodies come in parts of 16 KiB, with such a pause after each
    tls CERTIFICATE KEY           prints "ok PORT" of a third server: the hub again, over TLS

Only Python's standard library is used."""
import hashlib
import http.server
import json
import pathlib
import socket
import socketserver
import ssl
import sys
import threading
import time
import urllib.parse
import zlib

REPOSITORY = "acme/tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FAULTS = """drop: breaks off after NUMBER bytes of the body     close: the same, without having said a length
lie: says and sends only NUMBER bytes                 flip: one byte of the body is another
status: answers NUMBER (429 with Retry-After: 0)      after: answers 429 with Retry-After: NUMBER
norange: passes over Range                            etag: the file has another ETag than before (If-Range obeyed)
etag_only: another ETag, If-Range passed over         shift: a range begins NUMBER bytes later than asked
trickle: NUMBER bytes, then one each 20 ms            stall: NUMBER bytes, then nothing
endless: a body without length that never ends        long: says NUMBER bytes more, and sends them
loop: redirects to itself                             chain: redirects NUMBER times, then answers
file: redirects to file:///etc/passwd                 gzip: a body that unpacks to very much
home: redirects to the store, then back to the hub    raw: the listing is ROOT/../raw.json
garbage: answers what is no HTTP                      head: headers that never end
nolength: a right answer that does not say its length weak: a weak ETag, breaks off after NUMBER bytes (0: never)"""


class Hub:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.lock = threading.Condition()
        self.running = 0
        self.faults = {}
        self.requests = []
        self.large = 1000
        self.pace_us = 0
        self.ports = {}

    def take_fault(self, key):
        with self.lock:
            queue = self.faults.get(key, [])
            if not queue:
                return None, 0
            kind, left, number = queue[0]
            queue[0] = (kind, left - 1, number)
            if left <= 1:
                queue.pop(0)
            return kind, number

    def listing(self):
        siblings = []
        for path in sorted(p for p in self.root.rglob("*") if p.is_file()):
            data = path.read_bytes()
            entry = {"rfilename": path.relative_to(self.root).as_posix(), "size": len(data),
                     "blobId": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()}
            if len(data) >= self.large:
                entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
                entry["blobId"] = hashlib.sha1(entry["rfilename"].encode()).hexdigest()
            siblings.append(entry)
        return json.dumps({"_id": "0" * 24, "id": REPOSITORY, "modelId": REPOSITORY, "author": "acme", "sha": COMMIT,
                           "private": False, "gated": False, "disabled": False, "downloads": 7, "likes": 0,
                           "tags": ["onnx", "license:apache-2.0"], "cardData": {"license": "apache-2.0", "tags": []},
                           "siblings": siblings}).encode()

    def command(self, words):
        if words[0] == "fault":
            with self.lock:
                self.faults.setdefault(words[1], []).append((words[2], int(words[3]), int(words[4])))
        elif words[0] == "clear":
            with self.lock:
                self.faults.clear()
        elif words[0] == "large":
            self.large = int(words[1])
        elif words[0] == "pace":
            self.pace_us = int(words[1])
        elif words[0] == "log":
            with self.lock:
                self.lock.wait_for(lambda: self.running == 0, 20)  # a client has its answer before we have our line
                lines, self.requests = [line[0] for line in self.requests if line[0]], []
            return "\n".join([str(len(lines)), *lines])
        elif words[0] == "tls":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(words[1], words[2])
            return f"ok {serve(self, 'hub', context)}"
        return "ok"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    hub = None
    role = ""

    def log_message(self, *words):
        pass

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        self.status, self.start, self.sent = 0, 0, 0
        self.key = path
        line = [""]  # its place is that of the arrival: an answer that broke may end after the next one's
        with self.hub.lock:
            self.hub.running += 1
            self.hub.requests.append(line)
        try:
            self.answer(path)
        except OSError:
            self.close_connection = True
        token = self.headers.get("Authorization", "-").replace(" ", "_")
        with self.hub.lock:
            line[0] = f"{self.role} {self.key} {self.status} {self.start} {self.sent} {token}"
            self.hub.running -= 1
            self.hub.lock.notify_all()

    def answer(self, path):
        prefix = f"/{REPOSITORY}/resolve/{COMMIT}/"
        if self.role == "store":
            self.key = path.removeprefix("/store/")
            return self.send_file(self.key)
        if path.startswith(f"/api/models/{REPOSITORY}/revision/"):
            self.key = "listing"
            revision = path.rsplit("/revision/", 1)[1]
            if revision not in ("main", "refs/pr/1", COMMIT):
                return self.send_short(404, b"{}", {"X-Error-Message": "Invalid rev id: " + revision[:80]})
            return self.send_body("listing", self.hub.listing())
        if path.startswith(prefix):
            self.key = path.removeprefix(prefix)
            file = self.hub.root / self.key
            if file.is_file() and file.stat().st_size >= self.hub.large:
                return self.redirect(f"{self.other('store')}/store/{urllib.parse.quote(self.key)}?sig=secret&x=1")
            return self.send_file(self.key)
        if path.startswith("/hop/"):
            _, _, left, where = path.split("/", 3)
            self.key = where
            return self.redirect(f"/hop/{int(left) - 1}/{where}" if int(left) > 1 else f"{prefix}{where}?arrived")
        return self.send_short(401, b"{}", {"X-Error-Message": "Repository not found\x07"})

    def other(self, role):
        return f"http://127.0.0.1:{self.hub.ports[role]}"

    def redirect(self, location, status=302):
        self.send_short(status, b"Found", {"Location": location})

    def send_short(self, status, body, headers=None):
        self.status = status
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_file(self, name):
        file = self.hub.root / name
        if not file.is_file():
            return self.send_short(404, b"Entry not found", {"X-Error-Message": "Entry not found"})
        return self.send_body(name, file.read_bytes())

    # A whole body or a range of it, unless a fault says otherwise.
    def send_body(self, key, data):
        kind, number = self.hub.take_fault(key)
        if kind is not None and self.special(kind, number, key):
            return None
        if kind == "raw":
            data = (self.hub.root.parent / "raw.json").read_bytes()
        if kind == "flip":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if kind == "long":
            data = data + bytes(number)
        etag = '"' + hashlib.sha256(data + (b"other" if kind in ("etag", "etag_only") else b"")).hexdigest()[:32] + '"'
        if kind == "weak":
            etag = "W/" + etag
        self.start = self.asked_start(kind, etag, len(data))
        if self.start is None:
            self.start = 0
            return self.send_short(416, b"", {"Content-Range": f"bytes */{len(data)}"})
        if kind == "shift" and self.start > 0:
            self.start += number
        body = data[self.start:]
        length = number if kind == "lie" else len(body)
        self.status = 206 if self.start > 0 else 200
        self.send_response(self.status)
        self.send_header("ETag", etag)
        if self.status == 206:
            self.send_header("Content-Range", f"bytes {self.start}-{len(data) - 1}/{len(data)}")
        if kind in ("close", "nolength"):
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        return self.send_bytes(kind, number, body)

    def asked_start(self, kind, etag, size):
        asked = self.headers.get("Range", "")
        condition = self.headers.get("If-Range")
        if not asked.startswith("bytes=") or kind == "norange":
            return 0
        if condition is not None and condition != etag and kind != "etag_only":
            return 0
        start = int(asked[6:].split("-")[0])
        return start if start < size else None

    def special(self, kind, number, key):
        if kind in ("status", "after"):
            self.send_short(number if kind == "status" else 429, b"no" * 50000,
                            {"Retry-After": "0" if kind == "status" else str(number)})
        elif kind == "loop":
            self.redirect(self.path)
        elif kind == "chain":
            self.redirect(f"{self.other('hub')}/hop/{number}/{key}")
        elif kind == "home":
            if self.role == "hub":
                self.hub.command(["fault", key, "home", "1", "0"])
                self.redirect(f"{self.other('store')}/store/{key}")
            else:
                self.redirect(f"{self.other('hub')}/{REPOSITORY}/resolve/{COMMIT}/{key}?again")
        elif kind == "file":
            self.redirect("file:///etc/passwd")
        elif kind == "garbage":
            self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            self.close_connection = True
        elif kind == "head":
            self.send_response(200)
            for i in range(10000):
                self.send_header(f"X-{i}", "x" * 100)
            self.end_headers()
            self.close_connection = True
        elif kind == "gzip":
            packer = zlib.compressobj(9, zlib.DEFLATED, 31)
            packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
            self.send_short(200, packed, {"Content-Encoding": "gzip"})
        elif kind == "endless":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            while True:
                self.put(bytes(65536))
        else:
            return False
        return True

    def send_bytes(self, kind, number, body):
        if kind not in ("drop", "close", "lie", "trickle", "stall") and not (kind == "weak" and number):
            return self.put(body)
        self.put(body[:number])
        if kind in ("drop", "close", "weak"):
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
        if kind == "trickle":
            for i in range(number, len(body)):
                self.put(body[i:i + 1])
                time.sleep(0.02)
        if kind == "stall":
            self.connection.settimeout(30)
            self.connection.recv(1)  # until the client leaves
            self.close_connection = True
        return None

    def put(self, data):
        size = 16384 if self.hub.pace_us else 65536
        for at in range(0, len(data), size):
            part = data[at:at + size]
            self.wfile.write(part)
            self.sent += len(part)
            time.sleep(self.hub.pace_us / 1e6)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # a client that leaves is what the tests do


def serve(hub, role, context=None):
    handler = type("Role", (Handler,), {"hub": hub, "role": role})
    server = Server(("127.0.0.1", 0), handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def main():
    hub = Hub(sys.argv[1])
    for role in ("hub", "store"):
        hub.ports[role] = serve(hub, role)
    print("ready", hub.ports["hub"], hub.ports["store"], flush=True)
    for line in sys.stdin:
        print(hub.command(line.split()), flush=True)


if __name__ == "__main__":
    main()
