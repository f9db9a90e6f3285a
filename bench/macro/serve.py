#!/usr/bin/env python3
"""serve.py --scale hour --part latency: load on the HTTP server, and on a straightforward Python service beside it.

  latency      10 text, 10 image and 10 stored-id queries a second while 5 pictures a second are put, arrivals drawn (Poisson), every
               latency counted from when the request was due; recall@10 of what is served; both sides, rounds in turn, or ours
               alone (--alone: the Python service's indexes of a million items would take an hour to make)
  throughput   as many requests as are answered, at equal p99, of a mix of 3 text, 3 image and 3 id queries to 1 put; the Python service
               with fp32 (--against fp32) or with onnxruntime's static int8 (--against int8)
  soak         serve_soak.py: an hour's worth of requests in minutes, a kill, and what is there afterwards

Two cores hold the service and the program that loads it; one service is up at a time. How throughput at equal p99 is found: the Python
service is asked over 1, 2, 4, ... connections; its best is the fewest of them whose rate is within 3 % of the highest, and the bound is
its p99 there. Ours is asked the same way, and takes the most that it answers within that bound. Then the two are measured in turn,
started afresh for every round, with the numbers of connections that were found; the figure is the ratio of the medians. If ours lies
above the other's p99 in these rounds, it goes down a step, and the rounds are done again.

Writes bench/results/serve.json, or --out.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy", "PIL", "onnxruntime", "faiss", "tokenizers", "fastapi", "uvicorn")
import encode_networks  # noqa: E402
import ours  # noqa: E402
import serve_data  # noqa: E402
import serve_peer  # noqa: E402
import serve_requests  # noqa: E402
import serve_soak  # noqa: E402
from serve_sides import CORES, Ours, Peer, answers, faults_of, load, logged, percentile, running  # noqa: E402

QUERIES = ("text", "image", "id")
HEAD = {"text": "joint", "image": "visual", "id": "visual"}
RATES = {"text": 10, "image": 10, "id": 10, "put": 5}
MIX = {"text": 3, "image": 3, "id": 3, "put": 1}
LADDER = (1, 2, 4, 8, 16, 32)
NEAR_BEST = 0.97
WANTED_RECALL = 0.98
EFS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
# Of each scale: seconds of a latency round and of a throughput step, what is sent before and not counted, rounds, checked queries.
SIZES = {"tiny": (4, 2, 1, 1, 20), "small": (20, 5, 2, 3, 60), "hour": (40, 8, 3, 5, 150), "full": (60, 10, 5, 5, 200)}


class Bench:
    """What the parts share: the data, the requests, and what the Python service is asked with."""

    def __init__(self, scale, seed, rounds=None, alone=False):
        self.scale, self.seed, self.alone = scale, seed, alone
        self.latency_seconds, self.step_seconds, self.warm, self.rounds, self.checked = SIZES[scale]
        self.rounds = rounds or self.rounds
        self.ladder = LADDER[:3:2] if scale == "tiny" else LADDER
        self.data = serve_data.Data(scale)
        for encoder in (ours.FP32, ours.INT8):
            ours.need_encoder(encoder)
        self.place = tempfile.TemporaryDirectory(dir=common.scratch(), prefix="serve-requests-")
        self.requests = pathlib.Path(self.place.name) / "requests"
        added, asked = self.data.photos()
        self.said = serve_requests.write(self.requests, asked, added, self.data.rows, seed)
        self.pictures = [path.read_bytes() for path in asked]
        self.sent = 0
        self._ef = None

    def fresh(self):
        """Options by which no request is one that was sent before."""
        self.sent += 1
        return {"serial": self.sent * 1_000_000, "first": self.sent * 7919, "seed": self.seed + self.sent}

    def inputs(self, name):
        """The first checked queries of a class, as what an encoder takes, or rows of stored ids."""
        every = self.pictures if name == "image" else self.said[name]
        chosen = every[:self.checked]
        return [int(one[1:]) for one in chosen] if name == "id" else chosen

    def peer_vectors(self, name, encoder):
        import numpy
        if name == "id":
            return self.data.drawn()["visual"][self.inputs("id")]
        return numpy.concatenate([encoder.words(one) if name == "text" else encoder.picture(one)["visual"] for one in self.inputs(name)])

    def ef(self):
        """For the Python service: the smallest of efSearch that gives the wanted recall to every class of query."""
        if self._ef is None:
            import faiss
            encoder, truth, self._ef = serve_peer.Encoder(ours.FP32), serve_data.Truth(self.data, ours.FP32, serve_requests.K), {}
            names = json.loads((self.data.peer() / "ids.json").read_text())
            for head in serve_data.HEADS:
                index = faiss.read_index(str(self.data.peer() / f"{head}.faiss"))
                wanted = [name for name in QUERIES if HEAD[name] == head]
                asked = {name: self.peer_vectors(name, encoder) for name in wanted}
                for ef in EFS:
                    self._ef[head] = index.hnsw.efSearch = ef
                    found = []
                    for name in wanted:
                        rows = index.search(asked[name], serve_requests.K + 1)[1]
                        without = self.inputs("id") if name == "id" else None
                        listed = [[names[row] for row in one if row >= 0 and (not without or row != without[number])]
                                  for number, one in enumerate(rows)]
                        found.append(statistics.fmean(truth.recalls(head, asked[name], listed, without)))
                    if min(found) >= WANTED_RECALL:
                        break
        return self._ef

    def int8(self):
        """onnxruntime's static int8 of the picture tower, as encode.py makes it."""
        pictures = sorted(encode_networks.calibration_folder().iterdir())[:32]
        return encode_networks.make_peer_int8(encode_networks.BENCH / "peers" / f"{ours.FP32}-int8.onnx", encode_networks.BENCH / "encoders",
                                              ours.FP32, pictures)

    def ours(self, encoder=ours.FP32):
        return running(Ours, self.data, encoder)

    def peer(self, image=None, **settings):
        return running(Peer, self.data, image=image, ef=self.ef(), **settings)


def served_recall(bench, service, encoder):
    """recall@10 by class of what a server of ours answers, against exact search with the vectors that it itself makes."""
    truth, found = serve_data.Truth(bench.data, encoder, serve_requests.K), {}
    given = {}
    for name in QUERIES:
        given[name] = answers(service, bench.requests, bench.said, name, bench.checked)
        without = bench.inputs("id") if name == "id" else None
        vectors = bench.data.drawn()["visual"][without] if name == "id" else service.vectors(HEAD[name], bench.inputs(name))
        found[name] = statistics.fmean(truth.recalls(HEAD[name], vectors, given[name], without))
    return found, given


def overlap(left, right):
    """The share of ids that two lists of answers have in common, as a mean."""
    return statistics.fmean(len(set(a) & set(b)) / max(len(a), len(b), 1) for a, b in zip(left, right, strict=True))


def summary(lines, warm_us):
    """Percentiles by class over all rounds, from logs: what was due after the warm-up and answered well."""
    took = {}
    for lines_of_round in lines:
        begin = min((due for _, _, _, due, _ in lines_of_round), default=0)
        for name, _, status, due, end in lines_of_round:
            if due >= begin + warm_us and 200 <= status < 300:
                took.setdefault(name, []).append((end - due) / 1000)
    return {name: {"n": len(ms), "p50_ms": percentile(ms, 0.5), "p90_ms": percentile(ms, 0.9), "p99_ms": percentile(ms, 0.99), "max_ms": max(ms)}
            for name, ms in took.items()}


def latency(bench):
    """Both sides in turn; each is warmed by the seconds that are not counted."""
    found = {"rates": RATES, "seconds": bench.latency_seconds, "rounds": bench.rounds}
    sides = {"ours": bench.ours} if bench.alone else {"ours": bench.ours, "peer": bench.peer}
    logs, faults, told_of = {name: [] for name in sides}, {}, {name: [] for name in sides}
    for number in range(bench.rounds):
        for name in list(sides)[::1 if number % 2 == 0 else -1]:
            with sides[name]() as service:
                if number == 0 and name == "ours":
                    found["recall"], given = served_recall(bench, service, ours.FP32)
                elif number == 0:
                    found["overlap"] = {one: overlap(answers(service, bench.requests, bench.said, one, bench.checked), given[one]) for one in QUERIES}
                path = service.folder / "log.txt"
                begin = service.cpu_seconds()
                told = load(service, bench.requests, open=RATES, seconds=bench.latency_seconds + bench.warm, log=path, **bench.fresh())
                told["service_cpu_seconds"], told["resident"] = service.cpu_seconds() - begin, service.resident()
                told_of[name].append(told)
                faults.update({f"{name} {one}": what for one, what in faults_of(told).items()})
                logs[name].append(list(logged(path)))
                serve_data.say(f"{service.name}, round {number + 1} of {bench.rounds}: p99 {told['all']['p99_ms']:.0f} ms")
    found.update({name: summary(lines, bench.warm * 1e6) for name, lines in logs.items()})
    return {**found, "faults": faults, "ef": None if bench.alone else bench.ef(), "told": told_of}


def step(bench, service, connections):
    """Requests a second and p99 over so many connections; one that refuses or breaks is no figure."""
    said = f"{service.name}, {connections} connections"
    begin = service.cpu_seconds()
    told = load(service, bench.requests, closed=MIX, connections=connections, seconds=bench.step_seconds + bench.warm, warm=bench.warm,
                **bench.fresh())
    if faults_of(told):
        raise RuntimeError(f"{said}: {faults_of(told)}")
    serve_data.say(f"{said}: {told['all']['per_second']:.1f} a second, p99 {told['all']['p99_ms']:.0f} ms")
    return {"connections": connections, "per_second": told["all"]["per_second"], "p99_ms": told["all"]["p99_ms"],
            "p50_ms": told["all"]["p50_ms"], "cpu_ms": 1000 * (service.cpu_seconds() - begin) / told["all"]["sent"],
            "driver_cpu_seconds": told["cpu_seconds"], "classes": told["classes"]}


def costs(bench, service):
    """Of each class alone, one request after the other: CPU milliseconds of the service a request, and the median latency."""
    found = {}
    for name in MIX:
        begin = service.cpu_seconds()
        told = load(service, bench.requests, closed={name: 1}, connections=1, seconds=60, requests=2 * bench.checked, **bench.fresh())
        found[name] = {"cpu_ms": 1000 * (service.cpu_seconds() - begin) / told["all"]["sent"], "p50_ms": told["all"]["p50_ms"]}
    return found


def climbed(bench, service, p99_max=float("inf")):
    """Steps of the ladder, until the p99 is past the bound or the rate falls well below its best."""
    steps = []
    for connections in bench.ladder:
        steps.append(step(bench, service, connections))
        best = max(one["per_second"] for one in steps)
        if steps[-1]["p99_ms"] > 2 * p99_max or steps[-1]["per_second"] < 0.8 * best:
            break
    return steps


def best_of_peer(steps):
    """The fewest connections whose rate is near the highest."""
    highest = max(one["per_second"] for one in steps)
    return next(one for one in steps if one["per_second"] >= NEAR_BEST * highest)


def best_within(steps, p99_max):
    """The highest rate within the bound; the fewest connections where none is."""
    within = [one for one in steps if one["p99_ms"] <= p99_max]
    return max(within, key=lambda one: one["per_second"]) if within else steps[0]


def tuned(bench, image):
    """The Python service's settings of the highest rate: threads of a pass, and of the pool that answers."""
    tried = []
    for threads, pool in ((1, 2),) if bench.scale == "tiny" else ((1, 2), (1, 4), (2, 2), (2, 4), (1, 8)):
        with bench.peer(image=image, threads=threads, pool=pool) as service:
            tried.append({"threads": threads, "pool": pool, **step(bench, service, 8)})
    best = max(tried, key=lambda one: one["per_second"])
    return {"threads": best["threads"], "pool": best["pool"]}, tried


def in_turn(bench, sides, connections):
    """Rounds of every side, in changing order, each started afresh."""
    rounds = {name: [] for name in sides}
    for number in range(bench.rounds):
        for name in list(sides)[::1 if number % 2 == 0 else -1]:
            with sides[name]() as service:
                rounds[name].append(step(bench, service, connections[name]))
    return {name: {"connections": connections[name], "per_second": common.spread(one["per_second"] for one in found),
                   "p99_ms": common.spread(one["p99_ms"] for one in found), "rounds": found} for name, found in rounds.items()}


def at_equal_p99(bench, sides, connections):
    """Ours goes down the ladder while its p99 lies above the other's. Also which sides keep within it in the end."""
    while True:
        found = in_turn(bench, sides, connections)
        bound = found["peer"]["p99_ms"]["median"]
        above = [name for name in sides if name != "peer" and found[name]["p99_ms"]["median"] > bound and connections[name] > bench.ladder[0]]
        if not above:
            return found, {name: found[name]["p99_ms"]["median"] <= bound for name in sides}
        for name in above:
            connections[name] = bench.ladder[bench.ladder.index(connections[name]) - 1]


def throughput(bench, against):
    image = bench.int8() if against == "int8" else None
    settings, tried = tuned(bench, image)
    sides = {"peer": lambda: bench.peer(image=image, **settings), ours.FP32: lambda: bench.ours(ours.FP32), ours.INT8: lambda: bench.ours(ours.INT8)}
    found = {"against": against, "mix": MIX, "settings": settings, "tried": tried, "ladders": {}, "costs": {}, "recall": {}, "overlap": {}}
    connections, bound = {}, float("inf")
    with sides["peer"]() as service:
        given = {name: answers(service, bench.requests, bench.said, name, bench.checked) for name in QUERIES}
        found["ladders"]["peer"] = climbed(bench, service)
        found["costs"]["peer"] = costs(bench, service)
    best = best_of_peer(found["ladders"]["peer"])
    connections["peer"], bound = best["connections"], best["p99_ms"]
    for encoder in (ours.FP32, ours.INT8):
        with sides[encoder]() as service:
            found["recall"][encoder], mine = served_recall(bench, service, encoder)
            found["overlap"][encoder] = {name: overlap(mine[name], given[name]) for name in QUERIES}
            found["ladders"][encoder] = climbed(bench, service, bound)
            found["costs"][encoder] = costs(bench, service)
        connections[encoder] = best_within(found["ladders"][encoder], bound)["connections"]
    found["sides"], found["within"] = at_equal_p99(bench, sides, connections)
    peer = found["sides"]["peer"]["per_second"]["median"]
    found["times"] = {encoder: found["sides"][encoder]["per_second"]["median"] / peer for encoder in (ours.FP32, ours.INT8)}
    return {**found, "ef": bench.ef()}


def told(part, found):
    """A few lines for people."""
    if part == "latency":
        for side in (side for side in ("ours", "peer") if side in found):
            figures = (f"{name} {one['p50_ms']:.1f} / {one['p99_ms']:.1f} / {one['max_ms']:.1f}" for name, one in found[side].items())
            print(f"{side}: {'; '.join(figures)} ms (median, p99, largest)")
        print(f"recall@10 {found['recall']}, answers in common {found.get('overlap', 'not asked')}, faults {found['faults'] or 'none'}")
    elif part.startswith("throughput"):
        for name, side in found["sides"].items():
            print(f"{name}: {common.text_of(side['per_second'])} requests a second, p99 {common.text_of(side['p99_ms'])} ms, "
                  f"{side['connections']} connections")
        print(f"times the Python service with {found['against']}: {found['times']}; within its p99: {found['within']}")
    else:
        print(serve_soak.text_of(found))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", choices=sorted(SIZES), default="hour")
    parser.add_argument("--part", choices=("latency", "throughput", "soak"), action="append")
    parser.add_argument("--against", choices=("fp32", "int8"), action="append", help="of throughput; both unless given")
    parser.add_argument("--tiny", action="store_true", help="does every part still run? Of throughput against fp32 alone")
    parser.add_argument("--alone", action="store_true", help="latency of ours, without the Python service")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="of the soak")
    parser.add_argument("--out", type=pathlib.Path)
    given = parser.parse_args()
    if given.tiny:
        given.scale, given.against = "tiny", ["fp32"]
    bench, found = Bench(given.scale, given.seed, given.rounds, given.alone), {}
    for part in given.part or ("latency", "throughput", "soak"):
        if part == "latency":
            found[part] = latency(bench)
        elif part == "soak":
            found[part] = serve_soak.soak(bench, 60 * given.minutes if given.minutes else None)
        else:
            for against in given.against or ("fp32", "int8"):
                found[f"{part}-{against}"] = throughput(bench, against)
    for part, one in found.items():
        told(part, one)
    content = {"scale": given.scale, "rows": bench.data.rows, "cores": len(CORES), "seed": given.seed, "processors": len(os.sched_getaffinity(0)),
               "versions": common.package_versions(*serve_peer.PACKAGES), **found}
    if given.out:
        given.out.write_text(json.dumps(content, indent=1, default=str) + "\n")
    else:
        print(f"written to {common.write_result('serve', content)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Missing as missing:
        print(f"SKIP: {missing}", file=sys.stderr)
        sys.exit(common.EXIT_SKIPPED)
