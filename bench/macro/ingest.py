#!/usr/bin/env python3
"""ingest.py: pictures per second, decode to durable, of `pictor index` beside the tuned Python stack of peer_stack.py.

Same files, same run, rounds taken in turn (peer, ours, ours int8, then in another order), so that a machine that slows
down slows all. Both are shown with and without their start: the peer's process stays alive between rounds and reports
its own seconds; ours is started anew each round, and a run over one picture, in the same round, is taken off
((N - 1) pictures in T_N - T_1 seconds). Writes bench/results/ingest.json.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy", "PIL", "onnxruntime", "faiss")
import make_photos  # noqa: E402
import numpy  # noqa: E402
import ours  # noqa: E402
import peer_stack  # noqa: E402
import reference  # noqa: E402

PEER = "peer"


def stamp_files(folder=None):
    """The stamps that have a description beside them: the 785 of the demo."""
    return [path for path in common.pictures(folder or common.stamps_folder()) if path.with_suffix(".txt").exists()]


def photo_files(count, small=False):
    out = common.DEPS / "data" / ("photos-small" if small else "photos")
    return make_photos.make(common.data_folder("wallpapers"), out, count, small)


def lay_out(files, folder):
    """Copies the files, each content once (ours would reuse the vector of a second one), to a folder of their own; the
    reading of it also warms the page cache for both sides."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    seen = set()
    for number, path in enumerate(files):
        content = path.read_bytes()
        digest = hashlib.sha256(content).digest()
        if digest not in seen:
            seen.add(digest)
            (folder / f"{number:05d}-{path.name}").write_bytes(content)
    return sorted(folder.iterdir())


class Peer:
    """peer_stack.py as a process that waits for rounds."""

    def __init__(self, config):
        started = time.perf_counter()
        self.child = subprocess.Popen([str(common.VENV_PYTHON), str(pathlib.Path(peer_stack.__file__)), "serve",
                                       json.dumps(config)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = json.loads(self.child.stdout.readline() or "{}")
        if not self.ready.get("ready"):
            raise RuntimeError(f"the Python stack did not start (status {self.child.wait()})")
        self.start_seconds = time.perf_counter() - started

    def round(self, listed, vectors=None):
        with ours.fresh_folder() as folder:
            asked = {"files": str(listed), "folder": folder, "vectors": str(vectors) if vectors else None}
            print(json.dumps(asked), file=self.child.stdin, flush=True)
            line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"the Python stack ended in the middle of a round (status {self.child.wait()})")
        report = json.loads(line)
        return {"rate": report["pictures"] / report["wall"], "cpu_per_1000": 1000 * report["cpu"] / report["pictures"],
                "rate_with_start": report["pictures"] / (report["wall"] + self.start_seconds),
                "cpu_with_start_per_1000": 1000 * (report["cpu"] + self.ready["cpu"]) / report["pictures"],
                "wall": report["wall"], "pictures": report["pictures"], "stages": report["stages"]}

    def close(self):
        self.child.stdin.close()
        self.child.wait()


def our_round(files, encoder, keep=None):
    """One run over one picture, one over all; what lies between them is the work without the start."""
    _, one = ours.index_fresh([files[0]], encoder)
    report, went = ours.index_fresh([files[0].parent], encoder, keep=keep)
    counts = ours.counts(report)
    if counts["indexed"] != len(files):
        raise RuntimeError(f"{encoder} indexed {counts['indexed']} of {len(files)} pictures: {counts}")
    wall, cpu = went.wall - one.wall, went.cpu - one.cpu
    return {"rate": (len(files) - 1) / wall, "cpu_per_1000": 1000 * cpu / (len(files) - 1),
            "rate_with_start": len(files) / went.wall, "cpu_with_start_per_1000": 1000 * went.cpu / len(files),
            "wall": went.wall, "start": one.wall, "rss_bytes": went.rss_bytes, "pictures": len(files),
            "stages": ours.stages(report)}


def gather(rounds):
    figures = {key: common.spread(r[key] for r in rounds) for key in
               ("rate", "rate_with_start", "cpu_per_1000", "cpu_with_start_per_1000", "wall")}
    names = sorted({name for r in rounds for name in r["stages"]})
    figures["stage_seconds"] = {name: common.spread(r["stages"].get(name, 0) for r in rounds) for name in names}
    return figures


def ratio(upper, lower):
    """Of the medians, and of each pair of rounds."""
    pairs = [a["rate"] / b["rate"] for a, b in zip(upper, lower)]
    return {"of_medians": common.spread(r["rate"] for r in upper)["median"] /
            common.spread(r["rate"] for r in lower)["median"], "pairwise": common.spread(pairs)}


def decode_share(rounds):
    """The part of all CPU-seconds of the stages that goes into decoding."""
    return common.spread(r["stages"].get("decode", 0) / max(1e-9, sum(r["stages"].values())) for r in rounds)


def peer_vectors(path):
    with numpy.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def compare(files, peer, data, head="visual"):
    """Cosine of the two stacks' vectors of each picture."""
    ids, rows = ours.exported(data, head)
    at = {pathlib.PurePath(identity).name: row for row, identity in enumerate(ids)}
    order = [at[pathlib.PurePath(path).name] for path in peer["paths"]]
    found = reference.cosines(rows[order], peer[head])
    worst = int(found.argmin())
    return {"min": float(found.min()), "mean": float(found.mean()), "n": len(found),
            "worst": pathlib.PurePath(str(peer["paths"][worst])).name}


def measure(name, files, encoders=(ours.FP32, ours.INT8), rounds=5, sweep_files=96, tiny=False, say=print):
    """Everything about one set of files, as a dictionary."""
    for encoder in encoders:
        ours.need_encoder(encoder)
    work = common.scratch() / f"ingest-{name}"
    files = lay_out(files, work / "files")
    listed = work / "list.txt"
    listed.write_text("".join(f"{path}\n" for path in files))
    sample = files[::max(1, len(files) // sweep_files)]
    say(f"{name}: {len(files)} pictures, {sum(p.stat().st_size for p in files) / 1e6:.1f} MB; "
        f"tuning the Python stack on {len(sample)} of them")
    (work / "sample.txt").write_text("".join(f"{path}\n" for path in sample))
    best = json.loads(common.run([common.VENV_PYTHON, pathlib.Path(peer_stack.__file__), "sweep", work / "sample.txt",
                                  "--encoder", encoders[0], *(["--tiny"] if tiny else [])]).must(0).out)
    peer = Peer(best["config"])
    who = [PEER, *encoders]
    taken = {key: [] for key in who}
    try:
        peer.round(listed)  # not counted: the first round of a process meets cold pages
        for number in range(rounds):
            turn = number % len(who)
            for key in (who[turn:] + who[:turn])[::1 if number % 2 == 0 else -1]:
                last = number == rounds - 1
                if key == PEER:
                    taken[key].append(peer.round(listed, work / "peer.npz" if last else None))
                else:
                    taken[key].append(our_round(files, key, work / f"data-{key}" if last else None))
                say(f"  round {number + 1} {key:20s} {taken[key][-1]['rate']:8.2f} images/s")
    finally:
        peer.close()
    result = {"pictures": len(files), "bytes": sum(p.stat().st_size for p in files), "rounds": rounds,
              "peer_settings": peer.ready["config"], "peer_versions": peer.ready["versions"],
              "peer_start_seconds": peer.start_seconds, "peer_sweep": best["tried"],
              "start_seconds": {key: common.spread(r["start"] for r in taken[key]) for key in encoders},
              "rss_bytes_max": {key: max(r["rss_bytes"] for r in taken[key]) for key in encoders},
              "figures": {key: gather(found) for key, found in taken.items()},
              "decode_share": {key: decode_share(found) for key, found in taken.items()},
              "ratio_to_peer": {key: ratio(taken[key], taken[PEER]) for key in encoders},
              "ratio_to_fp32": {key: ratio(taken[key], taken[encoders[0]]) for key in encoders[1:]}}
    vectors = peer_vectors(work / "peer.npz")
    result["cosine_to_peer"] = {key: compare(files, vectors, work / f"data-{key}") for key in encoders}
    shutil.rmtree(work, ignore_errors=True)
    return result


def show(name, result, say=print):
    settings = {key: value for key, value in result["peer_settings"].items() if key != "encoder"}
    say(f"\n{name}: {result['pictures']} pictures, {result['rounds']} rounds each, min / median / max")
    say(f"  the Python stack at its best here: {settings}")
    say(f"  {'':22s}{'images/s':>26s}  {'with start':>26s}  {'core-s per 1000':>24s}  {'decode share':>12s}")
    for key, figures in result["figures"].items():
        say(f"  {key:22s}{common.text_of(figures['rate']):>26s}  {common.text_of(figures['rate_with_start']):>26s}  "
            f"{common.text_of(figures['cpu_per_1000'], '{:.1f}'):>24s}  {result['decode_share'][key]['median']:>11.1%}")
    for key, found in result["ratio_to_peer"].items():
        say(f"  {key} / Python stack: {found['of_medians']:.2f} x (pairs {common.text_of(found['pairwise'])})")
    for key, found in result["ratio_to_fp32"].items():
        say(f"  {key} / own fp32: {found['of_medians']:.2f} x (pairs {common.text_of(found['pairwise'])})")
    for key, found in result["cosine_to_peer"].items():
        say(f"  {key}: cosine to the Python stack's vectors min {found['min']:.6f} ({found['worst']}), "
            f"mean {found['mean']:.6f}")
    for key, figures in result["figures"].items():
        stages = "  ".join(f"{stage} {spread['median']:.2f}" for stage, spread in figures["stage_seconds"].items())
        say(f"  {key}: seconds by stage, summed over threads: {stages}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=("stamps", "photos"), action="append", help="both if left out")
    parser.add_argument("--encoder", action="append", help=f"{ours.FP32} and {ours.INT8} if left out, the peer's first")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=int, default=48, help="how many camera-size JPEGs")
    parser.add_argument("--tiny", action="store_true", help="a few small pictures, one round: does it still run?")
    given = parser.parse_args()
    results = {}
    try:
        ours.program()
        for name in given.set or ("stamps", "photos"):
            if name == "stamps":
                files = stamp_files()[:: 40 if given.tiny else 1]
            else:
                files = photo_files(4 if given.tiny else given.photos, given.tiny)
            results[name] = measure(name, files, tuple(given.encoder or (ours.FP32, ours.INT8)),
                                    1 if given.tiny else given.rounds, tiny=given.tiny)
            show(name, results[name])
    except common.Missing as error:
        print(f"SKIP: {error}", file=sys.stderr)
        sys.exit(common.EXIT_SKIPPED)
    if not given.tiny:
        print(f"\nwritten: {os.path.relpath(common.write_result('ingest', {'sets': results}))}")


if __name__ == "__main__":
    main()
