"""Claims: one picture or text, one vector: at any batch size, threads, restart, load; one hash an instruction-set class."""
import itertools
import json
import tempfile
import pathlib

import claims
import common
import ours
from line_encoder import WORDS
import ingest

BATCHES = 64
# Twice: one thread alone, and two threads of a pass while two other threads use the same encoder. Each is a process.
WAYS = ((1, 0), (2, 2))
PICTURES, TEXTS = 30, 50  # (30 + 50) * 64 batch sizes * 2 ways = 10,240 embeddings
CLASSES = {"AVX-512": None, "AVX2": "AVX2"}


def machine_has_avx512():
    return "avx512f" in common.machine()["simd"]


def drawn(context):
    random = context.random("bits")
    texts = [" ".join(random.choices(WORDS, k=random.choice((1, 3, 8, 40)))) for _ in range(TEXTS)]
    return random.sample(ingest.stamp_files(), PICTURES), texts


def hashes(context, encoder, cap, threads, load):
    """(class, {(head, kind): {batch: hash}}, embeddings), by a process of its own."""
    pictures, texts = drawn(context)
    with tempfile.TemporaryDirectory(dir=common.scratch()) as folder:
        folder = pathlib.Path(folder)
        (folder / "pictures").write_text("".join(f"{path}\n" for path in pictures))
        (folder / "texts").write_text("".join(f"{text}\n" for text in texts))
        went = common.run([ours.tool("same_bits"), common.CARDS, common.WEIGHTS, folder, encoder, threads, load, BATCHES,
                           folder / "pictures", folder / "texts"], env={"ONEDNN_MAX_CPU_ISA": cap} if cap else None,
                          timeout=3600).must(0)
    lines = went.out.splitlines()
    found, count = {}, 0
    for head, kind, batch, vectors, digest in (line.split() for line in lines[1:]):
        found.setdefault((head, kind), {})[int(batch)] = digest
        # Heads of pictures come from one forward pass: counted once.
        count += int(vectors) if kind == "texts" or head == "visual" else 0
    return lines[0], found, count


def one_fingerprint(context, encoder, class_name):
    cap = CLASSES[class_name]
    if class_name == "AVX-512" and not machine_has_avx512():
        raise common.Missing("this machine has no AVX-512")
    runs = [hashes(context, encoder, cap, threads, load) for threads, load in WAYS]
    first = {key: batches[1] for key, batches in runs[0][1].items()}
    unlike = [f"{key[0]} {key[1]} at batch {batch}, way {way + 1}" for way, run in enumerate(runs)
              for key, batches in run[1].items() for batch, digest in batches.items() if digest != first[key]]
    count = sum(run[2] for run in runs)
    isa = runs[0][0]
    context.kept.setdefault(f"class {encoder} {class_name}", (isa, first))
    figure = (f"{count} embeddings, batch 1 to {BATCHES}, 1 and 2 threads, restart, load: "
              f"{'one fingerprint' if not unlike else f'{len(unlike)} departures, first: {unlike[0]}'} a head on {isa}")
    whole = count >= 10_000 and {kind for _, kind in first} == {"images", "texts"}
    return claims.Finding(not unlike and whole, figure, {"isa": isa, "hashes": {" ".join(k): v for k, v in first.items()},
                                                         "unlike": unlike, "embeddings": count})


for name, class_name in itertools.product((ours.FP32, ours.INT8), CLASSES):
    claims.claim(f"bits-{name}-{class_name}", "10,000 embeddings of pictures and texts: one fingerprint a head", what="encoders")(
        lambda context, name=name, class_name=class_name: one_fingerprint(context, name, class_name))


@claims.claim("bits-class", "another instruction-set class is told: it gives other bits under another name", what="encoders")
def classes(context):
    kept = {key: value for key, value in context.kept.items() if key.startswith("class ")}
    if len(kept) < 2:
        raise common.Missing("needs the claims bits-* of two classes in the same run")
    names = {}
    for isa, hashes_found in kept.values():
        names.setdefault(isa, []).append(json.dumps(sorted(hashes_found.values())))
    different = sum(a != b for a, b in zip(*[sorted(values) for values in list(names.values())[:2]]))
    return claims.Finding(len(names) >= 2, f"{', '.join(sorted(names))}; {different} encoders have other bits", {"classes": list(names)})
