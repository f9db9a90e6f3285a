#!/usr/bin/env python3
"""graph.py: searches a second of the graph beside faiss-cpu's IndexHNSWFlat at equal recall, and the CPU time of building.

Both hold the same vectors (clusters of few dimensions with noise in all; from a seed) and answer the same queries, drawn
likewise, on one thread, one at a time, in the same run, rounds taken in turn. Ours is asked for a recall; for faiss the
fewest efSearch is taken whose recall@10 is at least what ours found. Both are M = 16; efConstruction is each one's
default (ours 100, faiss 40). Ours is mapped from a file. Writes bench/results/graph.json, or --out.
"""
import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy", "faiss")
import faiss  # noqa: E402
import numpy  # noqa: E402

EF_SEARCH = (10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 384, 512, 1024)


def draw(random, centres, spread, count):
    latent = centres[random.integers(len(centres), size=count)]
    latent = latent + 0.6 * random.standard_normal((count, latent.shape[1]), dtype=numpy.float32)
    vectors = latent @ spread + 0.15 * random.standard_normal((count, spread.shape[1]), dtype=numpy.float32) + 0.3
    return (vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)).astype(numpy.float32)


def drawn(arguments):
    """Vectors, queries and the rows of the true nearest."""
    random = numpy.random.default_rng(arguments.seed)
    latent = min(64, arguments.dim)
    spread = random.standard_normal((latent, arguments.dim), dtype=numpy.float32) / numpy.sqrt(latent)
    centres = random.standard_normal((max(arguments.n // 200, 1), latent), dtype=numpy.float32)
    vectors = draw(random, centres, spread, arguments.n)
    queries = draw(random, centres, spread, arguments.queries)
    exact = faiss.IndexFlatIP(arguments.dim)
    exact.add(vectors)
    return vectors, queries, exact.search(queries, arguments.k)[1]


def recall_of(rows, truth):
    return sum(len(set(mine) & set(true)) for mine, true in zip(rows, truth)) / truth.size


class Ours:
    """graph_bench as a process that waits for rounds."""

    def __init__(self, folder, arguments, recall):
        program = common.need(common.BUILD / "bench" / "graph_bench", "run `make bench`, which builds it")
        self.recall, self.queries, self.k = recall, arguments.queries, arguments.k
        command = [program, folder / "vectors.f32", folder / "queries.f32", arguments.dim, arguments.k, "cosine",
                   folder / "graph", arguments.threads]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.build_cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.child = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True)
        self.ready = self.line()

    def line(self):
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"graph_bench ended with status {self.child.wait()}")
        return line.strip()

    def ask(self, command, first, count):
        print(command, self.recall, first, count, file=self.child.stdin, flush=True)
        return self.line().split()

    def time(self, first, count):
        return [float(word) for word in self.ask("time", first, count)]

    def answers(self):
        """Rows of every query, and how many were answered by a scan."""
        rows, scans = [], 0
        for query in range(self.queries):
            words = self.ask("answer", query, 1)
            scans += words[0] == "exact"
            rows.append([int(word.split(":")[0]) for word in words[2:]])
        return rows, scans

    def close(self):
        self.child.stdin.close()
        if self.child.wait() != 0:
            raise RuntimeError(f"graph_bench ended with status {self.child.returncode}")


class Peer:
    def __init__(self, vectors, queries, arguments):
        faiss.omp_set_num_threads(arguments.threads)
        self.index = faiss.IndexHNSWFlat(arguments.dim, 16, faiss.METRIC_INNER_PRODUCT)
        started = time.process_time()
        self.index.add(vectors)
        self.build_cpu_s = time.process_time() - started
        faiss.omp_set_num_threads(1)
        self.queries, self.k = queries, arguments.k

    def choose(self, truth, recall):
        for ef in EF_SEARCH:
            self.index.hnsw.efSearch = ef
            found = recall_of(self.index.search(self.queries, self.k)[1], truth)
            if found >= recall:
                break
        return {"ef": ef, "recall": found}

    def time(self, first, count):
        took = []
        for i in range(first, first + count):
            query = self.queries[i % len(self.queries)][None]
            started = time.perf_counter()
            self.index.search(query, self.k)
            took.append(1000 * (time.perf_counter() - started))
        return took


def measure(ours, peer, rounds, per_round):
    """Medians of each round, the two in turn, who begins changing."""
    times = {"ours": [], "faiss": []}
    for number in range(rounds + 1):
        sides = [("ours", ours), ("faiss", peer)]
        for name, side in sides if number % 2 else reversed(sides):
            median = statistics.median(side.time(number * per_round, per_round))
            if number > 0:  # the first round warms both
                times[name].append(median)
    ratios = [b / a for a, b in zip(times["ours"], times["faiss"])]
    return {"ours_ms": common.spread(times["ours"]), "faiss_ms": common.spread(times["faiss"]),
            "ratio": common.spread(ratios)}


def compared(arguments, folder):
    vectors, queries, truth = drawn(arguments)
    vectors.tofile(folder / "vectors.f32")
    queries.tofile(folder / "queries.f32")
    ours = Ours(folder, arguments, arguments.recall)
    peer = Peer(vectors, queries, arguments)
    rows, scans = ours.answers()
    found = recall_of(rows, truth)
    result = {"ready": ours.ready, "asked": arguments.recall, "recall": found, "scans": scans,
              "faiss": peer.choose(truth, found), "build_cpu_s": {"ours": ours.build_cpu_s, "faiss": peer.build_cpu_s},
              "search": measure(ours, peer, arguments.rounds, arguments.per_round)}
    ours.close()
    return result


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--recall", type=float, default=0.97, help="what ours is asked for")
    parser.add_argument("--threads", type=int, default=1, help="of building")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--per-round", type=int, default=200, help="queries of each side in a round")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, help="the results file (default: bench/results/graph.json)")
    parser.add_argument("--tiny", action="store_true", help="as a test: the recall is compared, times mean nothing")
    arguments = parser.parse_args()
    if arguments.tiny:
        arguments.n, arguments.dim, arguments.queries, arguments.rounds, arguments.per_round = 3000, 40, 100, 2, 3
    return arguments


def main():
    arguments = parsed()
    with tempfile.TemporaryDirectory(dir=common.scratch()) as folder:
        result = compared(arguments, pathlib.Path(folder))
    kept = result["recall"] >= arguments.recall - 0.005
    search, build = result["search"], result["build_cpu_s"]
    print(f"recall@{arguments.k}: ours {result['recall']:.4f} (asked {arguments.recall}), "
          f"faiss {result['faiss']['recall']:.4f} at efSearch {result['faiss']['ef']}")
    print(f"a search: ours {search['ours_ms']['median']:.3f} ms, faiss {search['faiss_ms']['median']:.3f} ms, "
          f"ratio {search['ratio']['median']:.2f}")
    print(f"building: ours {build['ours']:.1f} CPU-seconds, faiss {build['faiss']:.1f}")
    content = {"arguments": {name: str(value) for name, value in vars(arguments).items()}, **result}
    if arguments.out:
        arguments.out.write_text(json.dumps(content, indent=1) + "\n")
    elif not arguments.tiny:
        print(f"written to {common.write_result('graph', content)}")
    return 0 if kept else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Missing as missing:
        sys.exit(f"graph.py: {missing}")
