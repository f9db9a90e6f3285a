#!/usr/bin/env python3
"""From the start of a process to the first output of a network: compiled for the first time, and from the cache.

usage: start.py [--network FILE.onnx] [--rounds 9] [--tiny]

Without --network a ViT-B/32 with random weights is made (make_vit.py). Prints a table and writes bench/results/start.json.
"process" is what the caller waits, from before the process is started until it has ended; files are in the page cache."""
import argparse
import shutil
import sys

import common


def one(program, network, cache, runtime):
    ran = common.run([program, network, cache, runtime]).must()
    made, loaded, first, value = (float(part) for part in ran.out.split())
    return {"process_ms": ran.wall * 1000, "cpu_ms": ran.cpu * 1000, "load_ms": made + loaded, "first_ms": first,
            "value": value}


def measure(program, network, runtime, rounds):
    cache = common.scratch() / "start-cache"
    shutil.rmtree(cache, ignore_errors=True)
    cold = one(program, network, cache, runtime)
    warm = [one(program, network, cache, runtime) for _ in range(rounds)]
    shutil.rmtree(cache, ignore_errors=True)
    if len({run["value"] for run in [cold, *warm]}) != 1:
        raise RuntimeError("a start from the cache gave another number than the first one")
    warm = {key: common.spread(run[key] for run in warm) for key in ("process_ms", "cpu_ms", "load_ms", "first_ms")}
    return {"name": runtime, "first": cold, "warm": warm}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tiny", action="store_true", help="a small network and two rounds, to see that all works")
    args = parser.parse_args()
    program = common.need(common.BUILD / "bench" / "start_network", "make bench builds it")
    network = args.network
    if network is None:
        network = common.scratch() / ("vit-tiny.onnx" if args.tiny else "vit-b-32.onnx")
        size = ["--width", "64", "--depth", "2", "--heads", "2", "--projection", "16"] if args.tiny else []
        common.run([common.need(common.VENV_PYTHON, "tools/setup makes it"), common.ROOT / "bench/macro/make_vit.py", network,
                    *size]).must()
    results = [measure(program, network, runtime, 2 if args.tiny else args.rounds) for runtime in ("openvino", "onnxruntime")]
    for result in results:
        print(f"{result['name']:12} first start {result['first']['process_ms']:.0f} ms; later ones, min / median / max: "
              f"{common.text_of(result['warm']['process_ms'], '{:.0f}')} ms, "
              f"CPU {common.text_of(result['warm']['cpu_ms'], '{:.0f}')} ms")
    if not args.tiny:
        content = {"versions": common.package_versions("openvino", "onnxruntime"), "runtimes": results}
        print(f"written to {common.write_result('start', content)}")


if __name__ == "__main__":
    try:
        main()
    except common.Missing as missing:
        print(f"SKIP: {missing}", file=sys.stderr)
        sys.exit(common.EXIT_SKIPPED)
