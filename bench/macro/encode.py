#!/usr/bin/env python3
"""encode.py: pictures per second of our encoders beside onnxruntime, OpenVINO from Python, torch and transformers.

ViT-B/32, ViT-S/16 and ResNet-50 at full size with random weights (speed does not depend on them), and the default
encoder. Every contender is a process that stays alive; rounds are taken in turn. Beside each speed: the least cosine to
the fp32 reference and whether a batch of 8 or 32 gives the bits of one at a time. Writes bench/results/encode.json.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy", "PIL", "onnxruntime", "openvino")
import make_photos  # noqa: E402
import numpy  # noqa: E402
import ours  # noqa: E402
import reference  # noqa: E402
from encode_networks import BENCH, MEASURED, Network, network_named, tiny_network  # noqa: E402

GOLDEN_PYTHON = common.DEPS / "venv-golden" / "bin" / "python"
BATCHES = (1, 8, 32)
REFERENCE = "onnxruntime fp32"


def pictures():
    return make_photos.make(common.data_folder("wallpapers"), common.DEPS / "data" / "photos-640", MEASURED, small=True)


def camera_pictures():
    """As cameras make them: what most collections hold."""
    return make_photos.make(common.data_folder("wallpapers"), common.DEPS / "data" / "photos", MEASURED)


class Contender:
    """A process that answers commands; see encode_times.cpp."""

    def __init__(self, name, command):
        self.name, begin = name, time.perf_counter()
        self.child = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
        self.ready = self.answer()
        self.start_seconds = time.perf_counter() - begin

    def answer(self):
        while line := self.child.stdout.readline():
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"{self.name} ended with status {self.child.wait()}: {self.child.stderr.read()[-600:].strip()}")

    def ask(self, *words):
        print(*words, file=self.child.stdin, flush=True)
        return self.answer()

    def close(self):
        self.child.stdin.close()
        self.child.stdout.close()
        self.child.stderr.close()
        self.child.wait()


def commands(network, threads, wanted):
    """Every contender of a network: name and command line, in the order of the table."""
    here = pathlib.Path(__file__).resolve().parent
    cache = common.scratch() / "encode-cache"
    own = [ours.tool("encode_times"), common.CARDS, common.WEIGHTS, network.encoders]
    peer, golden = [common.VENV_PYTHON, here / "encode_peer.py"], [GOLDEN_PYTHON, "-W", "ignore", here / "encode_peer.py"]
    card = network.card
    table = {"Pictor fp32": [*own, network.encoder, threads, cache], "Pictor int8": [*own, network.encoder_int8, threads, cache],
             REFERENCE: [*peer, "onnxruntime", network.hub, card, network.fp32, threads],
             "onnxruntime int8": [*peer, "onnxruntime", network.hub, card, network.peer_int8, threads],
             "OpenVINO fp32": [*peer, "openvino", network.hub, card, network.fp32, threads],
             "OpenVINO int8": [*peer, "openvino", network.hub, card, network.int8, threads]}
    if network.in_torch:
        table["torch eager"] = [*golden, "torch", network.hub, card, "-", threads]
        table["transformers pipeline"] = [*golden, "pipeline", network.hub, card, "-", threads]
    return {name: command for name, command in table.items() if wanted is None or name in wanted}


def tensors_of(network, files, folder):
    """The pictures as the network takes them, prepared once for all, so that cosines compare networks alone."""
    import encode_peer
    prepare = encode_peer.Prepare(network.card)
    out = folder / f"{network.name}.tensors"
    numpy.stack([prepare(path) for path in files]).astype("<f4").tofile(out)
    return out


def vectors(contender, tensors, count, batch, folder):
    out = folder / "vectors.f32"
    contender.ask("vectors", batch, tensors, count, out)
    return numpy.fromfile(out, dtype="<f4").reshape(count, -1)


def rounds_of(contenders, rounds, seconds, tensors, listed, batches, files):
    """Each contender in turn, and the turn begun by another one each round."""
    forward, whole = {}, {}
    for number in range(rounds):
        order = contenders[number % len(contenders):] + contenders[:number % len(contenders)]
        for one in order:
            for batch in batches if one.name != "transformers pipeline" else ():
                forward.setdefault((one.name, batch), []).append(one.ask("forward", batch, seconds, tensors))
            if files:
                whole.setdefault(one.name, []).append(one.ask("files", listed, seconds))
    return forward, whole


def figures(found):
    result = {"rate": common.spread(r["images"] / r["wall"] for r in found),
              "rate_per_cpu_second": common.spread(r["images"] / r["cpu"] for r in found)}
    for key in ("p50_ms", "p99_ms"):
        if key in found[0]:
            result[key] = common.spread(r[key] for r in found)
    return result


def measure(network, threads, rounds=5, seconds=1.0, batches=BATCHES, files=True, wanted=None, paths=None):
    """One network with so many threads: {contender: {"batch": {n: figures}, "files": figures, "cosine", "same_bits"}}."""
    folder = common.scratch()
    listed = folder / "encode-files.txt"
    paths = paths or pictures()
    listed.write_text("".join(f"{path}\n" for path in paths))
    tensors = tensors_of(network, paths, folder)
    contenders, result = [], {}
    try:
        for name, command in commands(network, threads, wanted).items():
            contenders.append(Contender(name, command))
            result[name] = {"start_seconds": contenders[-1].start_seconds, "ready": contenders[-1].ready, "batch": {}}
        by_name = {one.name: one for one in contenders}
        truth = vectors(by_name[REFERENCE], tensors, len(paths), 1, folder)
        for one in contenders:
            if one.name == "transformers pipeline":
                continue
            alone = vectors(one, tensors, len(paths), 1, folder)
            result[one.name]["cosine"] = float(reference.cosines(alone, truth).min())
            result[one.name]["same_bits"] = all(
                (vectors(one, tensors, len(paths), batch, folder).view("u4") == alone.view("u4")).all() for batch in (8, 32))
        forward, whole = rounds_of(contenders, rounds, seconds, tensors, listed, batches, files)
    finally:
        for one in contenders:
            one.close()
    for (name, batch), found in forward.items():
        result[name]["batch"][batch] = figures(found)
    for name, found in whole.items():
        result[name]["files"] = figures(found)
    tensors.unlink()
    return result


def peak():
    one = Contender("peak", [ours.tool("encode_times"), common.CARDS, common.WEIGHTS, BENCH / "encoders", ours.FP32, 1])
    found = one.ask("peak", 1)
    one.close()
    return found


def show(network, threads, result, peaks, say=print):
    say(f"\n{network.name}, {threads} thread{'s' if threads > 1 else ''}, {network.operations / 1e9:.1f} GOP a picture")
    say(f"  {'':22s}{'images/s':>9s}{'at 8':>8s}{'at 32':>8s}{'p50 ms':>8s}{'p99 ms':>8s}{'files/s':>9s}{'cosine':>10s}  bits")
    for name, found in result.items():
        at = {batch: f"{numbers['rate']['median']:.1f}" for batch, numbers in found["batch"].items()}
        one = found["batch"].get(1)
        times = [f"{one[key]['median']:.1f}" if one else "" for key in ("p50_ms", "p99_ms")]
        whole = f"{found['files']['rate']['median']:.1f}" if "files" in found else ""
        cosine = f"{found['cosine']:.6f}" if "cosine" in found else ""
        bits = {True: "same", False: "differ", None: ""}[found.get("same_bits")]
        say(f"  {name:22s}{at.get(1, ''):>9s}{at.get(8, ''):>8s}{at.get(32, ''):>8s}{times[0]:>8s}{times[1]:>8s}{whole:>9s}"
            f"{cosine:>10s}  {bits}")
    for name, peak_name in (("Pictor fp32", "f32_per_second"), ("Pictor int8", "vnni_per_second")):
        if threads == 1 and peaks[peak_name] and name in result:
            best = max(numbers["rate_per_cpu_second"]["median"] for numbers in result[name]["batch"].values())
            result[name]["share_of_peak"] = best * network.operations / peaks[peak_name]
            say(f"  {name}: {result[name]['share_of_peak']:.0%} of one core's {peaks[peak_name] / 1e9:.0f} GOP/s")


def tiny():
    """Adding, quantising, our peers' int8 and every contender but torch's, on a small network; 1 when bits or vectors are
    not what they should be."""
    with tempfile.TemporaryDirectory(dir=common.scratch()) as folder:
        own = common.pictures(common.DEPS / "golden" / "pictures")
        network = tiny_network(pathlib.Path(folder), own)
        found = measure(network, 2, rounds=1, seconds=0.05, paths=(own * max(BATCHES))[:max(BATCHES)])
        show(network, 2, found, {})
    same = all(found[name]["same_bits"] for name in ("Pictor fp32", "Pictor int8"))
    near = found["Pictor fp32"]["cosine"] >= 0.99999 and found["Pictor int8"]["cosine"] >= 0.9
    return 0 if same and near and len(found) == 6 else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="append", choices=Network.NAMES, help="all if left out")
    parser.add_argument("--threads", type=int, action="append", help="1 and 2 if left out")
    parser.add_argument("--contender", action="append", help="all if left out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each contender, batch and round")
    parser.add_argument("--tiny", action="store_true", help="a small network for a moment: does everything still run?")
    given = parser.parse_args()
    wanted = given.contender and [*given.contender, REFERENCE]
    results = {}
    try:
        if given.tiny:
            return tiny()
        peaks = peak()
        for name in given.network or Network.NAMES:
            network = network_named(name)
            for threads in given.threads or (1, 2):
                found = measure(network, threads, given.rounds, given.seconds, wanted=wanted)
                show(network, threads, found, peaks)
                results.setdefault(name, {})[threads] = found
    except common.Missing as error:
        print(f"SKIP: {error}", file=sys.stderr)
        sys.exit(common.EXIT_SKIPPED)
    if not given.contender:
        print(f"\nwritten: {common.write_result('encode', {'peak': peaks, 'networks': results})}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
