"""ann_index, our side of the benches of indexes, as a process that waits for requests."""
import json
import statistics
import subprocess

import common

import numpy

# Shares of recall that are asked for: a curve of what is answered has a point at each.
STEPS = (0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995)


class Ended(RuntimeError):
    """The kernel ended the program: its control group had no more memory to give."""


def program():
    return common.need(common.BUILD / "bench" / "ann_index", "build the preset `bench`: tools/build bench ann_index")


class Ours:
    """`before`: words put before the command, as those that enter a control group."""
    name = "Pictor"
    settings = STEPS
    one_knob = True  # each setting is at least as thorough as the one before

    def __init__(self, one, folder, k=10, before=()):
        """`one` is a Set of ann_data; its queries are written to `folder`, and so is the graph."""
        self.one, self.folder, self.k, self.count = one, folder, k, len(one.queries)
        self.graph = folder / "graph"
        vectors, queries = one.path, folder / "queries.f32"
        if vectors is None or vectors.stat().st_size != one.vectors.nbytes:
            vectors = folder / "vectors.f32"
            numpy.ascontiguousarray(one.vectors).tofile(vectors)
        one.queries.tofile(queries)
        self.vectors_file = vectors
        command = [*before, program(), vectors, queries, one.dim, one.metric]
        self.child = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        self.ready = self.line()

    def line(self):
        line = self.child.stdout.readline()
        if not line:
            status, said = self.child.wait(), self.child.stderr.read().strip()
            if status == -9:
                raise Ended("ann_index was ended by the kernel")
            raise RuntimeError(f"ann_index ended with status {status}: {said[-400:]}")
        return json.loads(line)

    def request(self, *words):
        try:
            print(*words, file=self.child.stdin, flush=True)
        except BrokenPipeError:
            pass  # line() tells how it ended
        return self.line()

    def build(self, threads, degree=0, ef=0, codes="full"):
        """The graph as a file; the wall and CPU seconds of making it, and its bytes."""
        return self.request("build", self.graph, threads, degree, ef, codes)

    def open(self):
        return self.request("open", self.graph)

    def answer(self, recall, first=0, count=None):
        return self.request("answer", first, self.count if count is None else count, recall, self.k)["rows"]

    def time(self, recall, first=0, count=None):
        asked = self.count if count is None else count
        found = self.request("time", first, asked, recall, self.k)
        found["p50_us"] = statistics.median(found["each_us"])
        found["distances"] /= asked
        return found

    def filter(self, allowed):
        """Only rows with a 1 may be returned; None: every row."""
        if allowed is None:
            return self.request("filter", "none")
        path = self.folder / "allowed.u8"
        numpy.asarray(allowed, numpy.uint8).tofile(path)
        return self.request("filter", path)

    def distances(self, come_from):
        """"vectors" or "codes"."""
        return self.request("distances", come_from)

    def flat(self):
        return self.request("flat")

    def close(self):
        self.child.stdin.close()
        self.child.stdout.close()
        self.child.stderr.close()
        if self.child.wait() != 0:
            raise RuntimeError(f"ann_index ended with status {self.child.returncode}")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.child.kill()
            self.child.wait()
        else:
            self.close()
