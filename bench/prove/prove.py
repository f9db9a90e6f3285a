#!/usr/bin/env python3
"""prove.py WHAT: measures every claim of WHAT afresh and prints one line each.

PASS <claim>: <figure> (wanted <bound>), FAIL ..., or SKIP ... where something that is needed is not here. Exit status 1
on any FAIL. The full numbers go to bench/results/WHAT.json (WHAT-part.json when only some claims were run). Inputs are
drawn from --seed, a new one each time unless given; it is printed and kept with the numbers.
"""
import argparse
import dataclasses
import pathlib
import secrets
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "macro")]
import common  # noqa: E402

common.enter_venv("numpy", "PIL", "onnxruntime", "faiss", "openvino")
import claims  # noqa: E402
import encoders  # noqa: E402,F401  (these four register their claims)
import index  # noqa: E402,F401
import line  # noqa: E402,F401
import server  # noqa: E402,F401


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=sorted(claims.REGISTER))
    parser.add_argument("--only", action="append", metavar="WORD", help="claims whose name holds WORD; may be repeated")
    parser.add_argument("--without", action="append", metavar="WORD", default=[], help="leave such claims out")
    parser.add_argument("--seed", type=int, help="of the inputs that are drawn")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each side in a comparison of speed")
    parser.add_argument("--photos", type=int, default=48, help="camera-size pictures in the comparison of ingest")
    parser.add_argument("--odd-files", type=int, default=10_000, help="odd files made for the test of bad input")
    parser.add_argument("--kills", type=int, default=300, help="random kills of a writing process")
    parser.add_argument("--crash-scale", type=int, default=4, help="scale of the simulated power losses")
    parser.add_argument("--embeddings", type=int, default=10_000, help="embeddings of each claim about equal bits")
    parser.add_argument("--scale", choices=("tiny", "small", "hour", "full"), default="hour",
                        help="of the claims about indexes: how many vectors (bench/macro/ann_data.py)")
    parser.add_argument("--bare", action="store_true", help="also the claims that install a bare Debian root (20 minutes)")
    parser.add_argument("--strict", action="store_true", help="a SKIP fails too")
    parser.add_argument("--list", action="store_true", help="print the claims and their bounds, measure nothing")
    return parser.parse_args()


def selected(given):
    chosen = [one for one in claims.REGISTER[given.what] if not any(word in one.name for word in given.without)]
    if given.only:
        chosen = [one for one in chosen if any(word in one.name for word in given.only)]
    if not chosen:
        sys.exit(f"prove: no claim of '{given.what}' has {given.only} in its name; --list prints them")
    return chosen


def main():
    given = arguments()
    chosen = selected(given)
    if given.list:
        for one in chosen:
            print(f"{one.name}: wanted {one.wanted}")
        return 0
    seed = given.seed if given.seed is not None else secrets.randbelow(2**32)
    claims.say(f"prove {given.what}: {len(chosen)} claims, seed {seed}")
    context = claims.Context(seed, given)
    verdicts = []
    for one in chosen:
        verdicts.append(claims.judge(one, context))
        print(verdicts[-1].line(), flush=True)
    whole = len(chosen) == len(claims.REGISTER[given.what])
    path = common.write_result(given.what if whole else f"{given.what}-part", {
        "seed": seed, "options": vars(given),
        "versions": common.package_versions("numpy", "pillow", "onnxruntime", "faiss-cpu", "openvino"),
        "claims": [dataclasses.asdict(verdict) for verdict in verdicts]})
    counted = {word: sum(verdict.verdict == word for verdict in verdicts) for word in (claims.PASS, claims.FAIL, claims.SKIP)}
    claims.say(f"{counted[claims.PASS]} hold, {counted[claims.FAIL]} do not, {counted[claims.SKIP]} were not measured; "
               f"numbers in {path}")
    return claims.exit_status(verdicts, given.strict)


if __name__ == "__main__":
    sys.exit(main())
