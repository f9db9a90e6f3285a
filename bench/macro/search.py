#!/usr/bin/env python3
"""search.py: milliseconds of one exact search beside faiss-cpu's IndexFlatIP, on one thread, one query at a time.

Both hold the same vectors (half at random, half in clusters; from a seed) and answer the same queries in the same run,
rounds taken in turn. Ours reads them from a mapped file through the local backend, as it reads a segment; faiss has
them in its own memory. Linux may keep a file in larger pages than a program's memory, which alone makes reading faster:
a line of its own shows ours with the vectors copied, as fresh rows are. The answers are compared too: they must be the
same rows, but for rows whose scores differ by less than rounding. Two threads are shown as information. Writes
bench/results/search.json, or --out.
"""
import argparse
import json
import pathlib
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

ROUNDING = 2e-6  # two float32 sums of 512 products of unit vectors differ by less


def unit(vectors):
    return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)


def draw(count, dim, queries, seed):
    """Unit vectors, and queries: near a vector, or anywhere."""
    random = numpy.random.default_rng(seed)
    centres = random.standard_normal((max(count // 500, 1), dim), dtype=numpy.float32)
    vectors = random.standard_normal((count, dim), dtype=numpy.float32)
    clustered = count // 2
    vectors[:clustered] *= 0.5
    vectors[:clustered] += centres[random.integers(len(centres), size=clustered)]
    vectors = unit(vectors)[random.permutation(count)]
    asked = random.standard_normal((queries, dim), dtype=numpy.float32)
    asked[::2] = asked[::2] * 0.03 + vectors[random.integers(count, size=len(asked[::2]))]
    return vectors, unit(asked)


class Ours:
    """search_bench as a process that waits for rounds."""

    def __init__(self, vectors, queries, dim, k, memory):
        program = common.need(common.BUILD / "bench" / "search_bench", "run `make bench`, which builds it")
        command = [program, vectors, queries, dim, k, "inner_product", 2, memory]
        self.child = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True)
        self.ready = self.line()

    def line(self):
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"search_bench ended with status {self.child.wait()}")
        return line.strip()

    def ask(self, command, threads, first, count):
        print(command, threads, first, count, file=self.child.stdin, flush=True)
        return self.line().split()

    def time(self, threads, first, count):
        return [float(word) for word in self.ask("time", threads, first, count)]

    def answer(self, query):
        pairs = [word.split(":") for word in self.ask("answer", 1, query, 1)]
        return [int(row) for row, _ in pairs], [-float(distance) for _, distance in pairs]

    def close(self):
        self.child.stdin.close()
        if self.child.wait() != 0:
            raise RuntimeError(f"search_bench ended with status {self.child.returncode}")


class Peer:
    def __init__(self, vectors, queries, k):
        self.index = faiss.IndexFlatIP(vectors.shape[1])
        self.index.add(vectors)
        self.queries, self.k = queries, k

    def time(self, threads, first, count):
        faiss.omp_set_num_threads(threads)
        took = []
        for i in range(first, first + count):
            query = self.queries[i % len(self.queries)][None]
            started = time.perf_counter()
            self.index.search(query, self.k)
            took.append(1000 * (time.perf_counter() - started))
        return took

    def answer(self, query):
        scores, rows = self.index.search(self.queries[query][None], self.k)
        return rows[0].tolist(), scores[0].tolist()


def compare(ours, peer, queries):
    """How many of the peer's rows are ours, rows at the k-th score's rounding counted as equal; and the scores' gap."""
    found = wanted = 0
    gap = 0.0
    for query in range(queries):
        (rows, scores), (peer_rows, peer_scores) = ours.answer(query), peer.answer(query)
        edge = peer_scores[-1] + ROUNDING
        mine = set(rows)
        found += sum(row in mine or score <= edge for row, score in zip(peer_rows, peer_scores))
        wanted += len(peer_rows)
        gap = max([gap, *(abs(a - b) for a, b in zip(scores, peer_scores))]) if len(scores) == len(peer_scores) else 1.0
    return {"recall": found / wanted, "score_gap": gap, "queries": queries}


def measure(ours, peer, threads, rounds, per_round):
    """Medians of each round, the two in turn, who begins changing."""
    times = {"ours": [], "faiss": []}
    for number in range(rounds + 1):
        sides = [("ours", ours), ("faiss", peer)]
        for name, side in sides if number % 2 else reversed(sides):
            median = statistics.median(side.time(threads, number * per_round, per_round))
            if number > 0:  # the first round warms both
                times[name].append(median)
    ratios = [b / a for a, b in zip(times["ours"], times["faiss"])]
    return {"ours_ms": common.spread(times["ours"]), "faiss_ms": common.spread(times["faiss"]),
            "ratio": common.spread(ratios)}


def compared(arguments, folder):
    vectors, queries = draw(arguments.n, arguments.dim, arguments.queries, arguments.seed)
    vectors.tofile(folder / "vectors.f32")
    queries.tofile(folder / "queries.f32")
    peer = Peer(vectors, queries, arguments.k)
    del vectors
    result = {}
    for memory in ("mapped", "copied"):
        ours = Ours(folder / "vectors.f32", folder / "queries.f32", arguments.dim, arguments.k, memory)
        result[memory] = {"ready": ours.ready, "answers": compare(ours, peer, arguments.queries)}
        for threads in (1, 2):
            times = measure(ours, peer, threads, arguments.rounds, arguments.per_round)
            result[memory][f"threads_{threads}"] = times
        ours.close()
    return result


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--per-round", type=int, default=20, help="queries of each side in a round")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, help="the results file (default: bench/results/search.json)")
    parser.add_argument("--tiny", action="store_true", help="as a test: the answers are compared, times mean nothing")
    arguments = parser.parse_args()
    if arguments.tiny:
        arguments.n, arguments.dim, arguments.queries, arguments.rounds, arguments.per_round = 3000, 40, 12, 2, 3
    return arguments


def main():
    arguments = parsed()
    with tempfile.TemporaryDirectory(dir=common.scratch()) as folder:
        result = compared(arguments, pathlib.Path(folder))
    mapped, copied = result["mapped"], result["copied"]
    # The same rows in all answers, and scores that differ by rounding alone.
    same = all(side["answers"]["recall"] == 1.0 and side["answers"]["score_gap"] <= ROUNDING
               for side in result.values())
    one, answers = mapped["threads_1"], mapped["answers"]
    rate = arguments.n * arguments.dim * 4 / one["ours_ms"]["median"] / 1e6
    figure = (f"{one['ratio']['median']:.2f} x (rounds {one['ratio']['min']:.2f} to {one['ratio']['max']:.2f}; vectors "
              f"copied to memory {copied['threads_1']['ratio']['median']:.2f}), {one['ours_ms']['median']:.2f} ms "
              f"against {one['faiss_ms']['median']:.2f} ms, recall {answers['recall']:.4f}")
    print(f"exact search, {mapped['ready'].removeprefix('ready ')}, k {arguments.k}, one query at a time; "
          f"min / median / max of {arguments.rounds} rounds")
    for memory, side in result.items():
        for threads in (1, 2):
            timed = side[f"threads_{threads}"]
            print(f"  {memory}, threads {threads}   ours {common.text_of(timed['ours_ms'])} ms   "
                  f"faiss {common.text_of(timed['faiss_ms'])} ms   faiss/ours {common.text_of(timed['ratio'])}")
    print(f"  mapped, threads 1   ours reads {rate:.1f} GB/s")
    print(f"  answers    recall {answers['recall']:.4f} of {answers['queries']} queries, "
          f"scores differ by at most {answers['score_gap']:.1e}")
    settings = {key: value for key, value in vars(arguments).items() if key != "out"}
    content = {"ratio": one["ratio"]["median"], "same": same, "figure": figure, "gigabytes_per_second": rate,
               "settings": settings, "versions": common.package_versions("faiss-cpu", "numpy"), **result}
    if arguments.out:
        arguments.out.write_text(json.dumps(content, indent=1) + "\n")
    elif not arguments.tiny:
        print(f"written to {common.write_result('search', content)}")
    return 0 if same else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Missing as missing:
        sys.exit(f"search.py: {missing}")
