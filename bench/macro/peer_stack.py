#!/usr/bin/env python3
"""peer_stack.py: the Python stack that bench/macro/ingest measures us against, as a good engineer writes and tunes it.

Pillow decodes and prepares in a pool of workers, onnxruntime (fp32, CPU) runs beside them in one or more lanes, a faiss
IndexFlatIP takes the vectors for searching, and SQLite (WAL, synchronous=FULL, a commit a batch) makes id, metadata and
vectors durable. Decoding, the network and the commits overlap; every queue is bounded.

  peer_stack.py sweep LIST      tries threads, lanes, batch, workers, spinning and kind of pool; prints the best as JSON
  peer_stack.py serve CONFIG    answers one JSON line with a JSON line: {"files": LIST, "folder": F, "vectors": NPZ}
"""
import argparse
import collections
import concurrent.futures
import json
import multiprocessing
import pathlib
import sqlite3
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy", "PIL", "onnxruntime", "faiss")
import faiss  # noqa: E402
import numpy  # noqa: E402
import reference  # noqa: E402

DEFAULT = {"encoder": "lite2-minilm", "threads": 2, "lanes": 1, "batch": 8, "workers": 2, "pool": "thread",
           "spinning": True}


def read_one(path, spec, finish):
    """One file to 8-bit pixels, or to a tensor when `finish`; with the CPU-seconds of decoding and of preparing."""
    started = time.thread_time()
    try:
        picture = reference.read_rgb(path, spec)
    except Exception as error:  # Pillow raises many types on hostile files; all of them mean "not a picture"
        return None, time.thread_time() - started, 0.0, f"{type(error).__name__}: {error}"
    decoded = time.thread_time()
    pixels = reference.prepare_u8(picture, spec)
    if finish:
        pixels = reference.normalise(pixels, spec)
    return pixels, decoded - started, time.thread_time() - decoded, None


class Durable:
    """Where a round's vectors end: faiss for search, SQLite for truth."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.database = sqlite3.connect(folder / "items.db", isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA synchronous=FULL")
        self.database.execute("CREATE TABLE items(id TEXT PRIMARY KEY, metadata TEXT, visual BLOB, joint BLOB)")
        self.indexes = {}

    def add(self, paths, heads):
        for name, rows in heads.items():
            if name not in self.indexes:
                self.indexes[name] = faiss.IndexFlatIP(rows.shape[1])
            self.indexes[name].add(rows)
        self.database.execute("BEGIN")
        self.database.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", [
            (str(path), json.dumps({"name": path.stem}), heads["visual"][row].tobytes(),
             heads["joint"][row].tobytes() if "joint" in heads else None) for row, path in enumerate(paths)])
        self.database.execute("COMMIT")

    def close(self):
        self.database.close()


class Stack:
    def __init__(self, config):
        self.config = {**DEFAULT, **config}
        self.encoder = reference.Encoder(self.config["encoder"], self.config["threads"], self.config["spinning"])
        workers = self.config["workers"]
        if self.config["pool"] == "process":
            self.decoders = concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("forkserver"))
        else:
            self.decoders = concurrent.futures.ThreadPoolExecutor(workers)
        self.lanes = concurrent.futures.ThreadPoolExecutor(self.config["lanes"])
        self.in_workers = self.config["pool"] != "process"  # a tensor is four times the bytes to send between processes
        spec = self.encoder.spec
        self.encode(numpy.zeros((self.config["batch"], 3, spec.height, spec.width), numpy.float32))
        for done in [self.decoders.submit(abs, 1) for _ in range(workers)]:
            done.result()

    def encode(self, tensors):
        started = time.perf_counter()
        return self.encoder.heads(tensors), time.perf_counter() - started

    def encode_read(self, pixels):
        batch = numpy.stack(pixels)
        return self.encode(batch if self.in_workers else reference.normalise(batch, self.encoder.spec))

    def ingest(self, files, folder):
        """One round over the files, from the first read to the last commit."""
        cpu, started = common.own_cpu_seconds(), time.perf_counter()
        stages = collections.Counter()
        self.rejected, kept, collected = [], [], []
        durable = Durable(folder)
        batch, spec = self.config["batch"], self.encoder.spec
        ahead = 2 * batch + 4 * self.config["workers"]
        reading, running, to_read = collections.deque(), collections.deque(), iter(files)

        def read_ahead():
            while len(reading) < ahead:
                path = next(to_read, None)
                if path is None:
                    return
                reading.append((path, self.decoders.submit(read_one, path, spec, self.in_workers)))

        def settle(most):
            while len(running) > most:
                paths, future = running.popleft()
                heads, seconds = future.result()
                stages["encode"] += seconds
                before = time.perf_counter()
                durable.add(paths, heads)
                stages["store"] += time.perf_counter() - before
                kept.extend(paths)
                collected.append(heads)

        read_ahead()
        while reading:
            paths, pixels = [], []
            while reading and len(paths) < batch:
                path, future = reading.popleft()
                one, decode_seconds, prepare_seconds, fault = future.result()
                read_ahead()
                stages["decode"] += decode_seconds
                stages["prepare"] += prepare_seconds
                if fault:
                    self.rejected.append((str(path), fault))
                    continue
                paths.append(path)
                pixels.append(one)
            if paths:
                running.append((paths, self.lanes.submit(self.encode_read, pixels)))
            settle(self.config["lanes"])
        settle(0)
        durable.close()
        wall = time.perf_counter() - started
        vectors = {head: numpy.concatenate([part[head] for part in collected]) for head in collected[0]} if kept else {}
        return {"wall": wall, "cpu": common.own_cpu_seconds() - cpu, "pictures": len(kept),
                "rejected": len(self.rejected), "stages": dict(stages)}, kept, vectors

    def close(self):
        self.decoders.shutdown()
        self.lanes.shutdown()


def measure(config, files, rounds=1):
    stack = Stack(config)
    try:
        found = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(dir=common.scratch()) as folder:
                report, _, _ = stack.ingest(files, folder)
            found.append(report["pictures"] / report["wall"])
        return max(found)
    finally:
        stack.close()


def sweep(files, base=None, tiny=False, say=None):
    """The fastest settings on this machine for these files: the grid first, then spinning and processes at its best."""
    base = {**DEFAULT, **(base or {})}
    shapes = ((1, 1), (2, 1), (1, 2))
    batches = (4,) if tiny else (1, 4, 8, 16, 32)
    tried = []

    def attempt(**changed):
        config = {**base, **changed}
        tried.append((measure(config, files), config))
        if say:
            shown = " ".join(f"{key}={value}" for key, value in config.items() if key != "encoder")
            say(f"  {tried[-1][0]:8.2f} images/s  {shown}")

    for threads, lanes in shapes[:1] if tiny else shapes:
        for batch in batches:
            for workers in (1,) if tiny else (1, 2):
                attempt(threads=threads, lanes=lanes, batch=batch, workers=workers)
    base = max(tried, key=lambda entry: entry[0])[1]
    attempt(spinning=False)
    attempt(pool="process")
    finalists = sorted(tried, key=lambda entry: -entry[0])[:1 if tiny else 3]
    if not tiny:  # one lucky run must not choose
        finalists = [(measure(config, files, 2), config) for _, config in finalists]
    rate, config = max(finalists, key=lambda entry: entry[0])
    return {"config": config, "images_per_second": rate, "tried": [{"images_per_second": r, **c} for r, c in tried]}


def serve(config):
    started = time.perf_counter()
    stack = Stack(config)
    print(json.dumps({"ready": True, "start_seconds": time.perf_counter() - started, "cpu": common.own_cpu_seconds(),
                      "config": stack.config,
                      "versions": common.package_versions("pillow", "onnxruntime", "faiss-cpu", "numpy")}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        report, kept, vectors = stack.ingest(reference.list_of_paths(asked["files"]), asked["folder"])
        if asked.get("vectors"):
            numpy.savez(asked["vectors"], paths=numpy.array([str(path) for path in kept]), **vectors)
        print(json.dumps(report), flush=True)
    stack.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=("sweep", "serve"))
    parser.add_argument("argument", help="sweep: a file of paths, one a line; serve: the settings as JSON")
    parser.add_argument("--encoder", default=DEFAULT["encoder"], help="sweep: whose network")
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    try:
        if given.mode == "serve":
            serve(json.loads(given.argument))
        else:
            files = reference.list_of_paths(given.argument)
            found = sweep(files, {"encoder": given.encoder}, given.tiny, lambda line: print(line, file=sys.stderr))
            print(json.dumps(found, indent=1))
    except common.Missing as error:
        print(f"SKIP: {error}", file=sys.stderr)
        sys.exit(common.EXIT_SKIPPED)


if __name__ == "__main__":
    main()
