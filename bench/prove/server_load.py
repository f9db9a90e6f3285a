"""Claims about load: latency and throughput beside a Python service, and the soak (bench/macro/serve.py).

At a smaller --scale fewer items are held and the soak is shorter; the line says so, the bounds stay. Latency is measured with the
million items that its line asks for also in the run of an hour, and then without the Python service, which is not part of the line.
"""
import json
import sys

import claims
import common
import ours
import serve_soak
from server_house import claim

RECALL = 0.98
P99_MS = {"text": 100, "image": 150, "id": 20}
WHOLE = 1_000_000
# Of ours the encoder that a collection gets unless another is named: the bound of the issue is of that one.
JUDGED = ours.FP32
TIMES = {"fp32": 3.0, "int8": 1.5}


def bench(context, *words):
    """What a part of serve.py tells, measured once a run; its own word on what is missing is kept."""
    seed = context.seed % 2**31
    alone = "--alone" in words
    scale = "full" if alone else context.options.scale

    def measure():
        out = common.scratch() / f"serve-{'-'.join(words)}.json"
        out.unlink(missing_ok=True)
        claims.say(f"serve.py {' '.join(words)}, scale {scale}")
        went = common.run([sys.executable, common.ROOT / "bench" / "macro" / "serve.py", "--scale", scale, "--seed", seed, *words, "--out", out],
                          env={"PICTOR_BUILD": str(common.BUILD)}, timeout=6 * 3600)
        if went.status == common.EXIT_SKIPPED:
            raise common.Missing(went.err.strip()[-400:])
        went.must(0)
        return json.loads(out.read_text())
    return context.once(f"serve.py {words}", measure)


def sized(found, text):
    return f"{text}; {found['rows']:,} items" + ("" if found["rows"] >= WHOLE else f", a part of {WHOLE:,}")


def latency(name):
    what = {"text": "text query", "image": "query by a JPEG of 640 px, encode included,", "id": "query by id"}[name]

    @claim(f"latency-{name}", f"1 M items, recall@10 >= {RECALL}: {what} p99 < {P99_MS[name]} ms at 10 requests/s of each kind while 5 pictures/s are "
           "added, on two cores with the default encoder")
    def measured(context):
        found = bench(context, "--part", "latency", *(["--alone"] if context.options.scale in ("hour", "full") else []))
        part = found["latency"]
        ours_took, recall = part["ours"][name], part["recall"][name]
        text = (f"p99 {ours_took['p99_ms']:.1f} ms, median {ours_took['p50_ms']:.1f}, largest {ours_took['max_ms']:.1f} of {ours_took['n']:,}, "
                f"recall {recall:.4f}")
        if "peer" in part:
            text += f"; the Python service {part['peer'][name]['p99_ms']:.1f} and {part['peer'][name]['p50_ms']:.1f} ms"
        faults = {key: value for key, value in part["faults"].items() if key.startswith("ours")}
        holds = ours_took["p99_ms"] < P99_MS[name] and recall >= RECALL and not faults
        return claims.Finding(holds, sized(found, text + (f"; faults {faults}" if faults else "")), found)
    return measured


def throughput(against):
    which = {"fp32": "onnxruntime fp32", "int8": "onnxruntime's static int8"}[against]

    @claim(f"throughput-{against}", f">= {TIMES[against]} x a Python service (FastAPI, {which}, faiss, Pillow) at equal p99, answers compared")
    def measured(context):
        found = bench(context, "--part", "throughput", "--against", against)
        part = found[f"throughput-{against}"]
        peer = part["sides"]["peer"]
        each = "; ".join(f"{part['times'][encoder]:.2f} x with {encoder} ({part['sides'][encoder]['per_second']['median']:.0f} a second, p99 "
                         f"{part['sides'][encoder]['p99_ms']['median']:.0f} ms)" for encoder in part["times"])
        common_share = min(part["overlap"][JUDGED].values())
        recall = min(part["recall"][JUDGED].values())
        text = (f"{each}; the Python service {peer['per_second']['median']:.0f} a second, p99 {peer['p99_ms']['median']:.0f} ms; recall {recall:.4f}, "
                f"{100 * common_share:.0f} % of the answers in common")
        holds = part["times"][JUDGED] >= TIMES[against] and part["within"][JUDGED] and recall >= RECALL
        return claims.Finding(holds, sized(found, text), found)
    return measured


for one in P99_MS:
    latency(one)
for one in TIMES:
    throughput(one)


def soaked(context):
    return bench(context, "--part", "soak")


@claim("soak", "20 minutes at saturation: RSS grows <= 5 % from a quarter of the time to its end, no error but 429, nothing lost after kill -9")
def soak(context):
    found = soaked(context)
    part = found["soak"]
    short = "" if part["seconds"] >= part["full_seconds"] else f"; {part['seconds'] / 60:.0f} minutes of {part['full_seconds'] / 60:.0f}"
    return claims.Finding(serve_soak.holds(part), sized(found, serve_soak.text_of(part) + short), found)


@claim("rate-a-day", f"a million requests a day, {serve_soak.MILLION_A_DAY:.1f} a second, sustained: by the rate of the soak")
def rate_a_day(context):
    found = soaked(context)
    part = found["soak"]
    each = ", ".join(f"{name} {rate:.1f}" for name, rate in part["per_second"].items())
    text = f"{part['all_per_second']:.1f} a second over {0.75 * part['seconds']:.0f} s ({each}) x {serve_soak.DAY:,} = {part['a_day'] / 1e6:.1f} million a day"
    return claims.Finding(part["all_per_second"] >= serve_soak.MILLION_A_DAY and not part["wrong"], sized(found, text), found)
