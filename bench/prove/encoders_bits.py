"""Claims: one picture or text, one vector: at any batch size, threads, restart, load; one hash an instruction-set class."""
import itertools

import claims
import common
import ours
from encoders_house import CLIP, claim, drawn_pictures, drawn_texts, kept_house, quantized

BATCHES = 64
INPUTS = 64  # pictures, and texts: a batch of 64 is full
# One thread alone; two threads of a pass while another one uses the same encoder. Each is a process: a restart.
WAYS = ((1, 0), (2, 1))
# What limits oneDNN, and the word that /proc/cpuinfo has for a processor that can.
CLASSES = {"VNNI": ("AVX512_CORE_VNNI", "avx512_vnni"), "AVX-512": ("AVX512_CORE", "avx512f"), "AVX2": ("AVX2", "avx2")}
ENCODERS = (ours.FP32, ours.INT8, CLIP, f"{CLIP}-int8")
WANTED = 10_000


def imported(context):
    """A CLIP as users add theirs, and its static int8 as `pictor encoder quantize` makes it."""
    def fill(home):
        home.add()
        quantized(context, home, CLIP, images=64)
    return kept_house(context, "bits", fill)


def embeddings_of(batches):
    """Of both kinds and both ways: all inputs at the first size, full batches at the others."""
    return 2 * len(WAYS) * (INPUTS + sum(INPUTS // batch * batch for batch in batches[1:]))


def sizes(context):
    """Every batch size, or, when --embeddings asks for fewer, the small ones, 64 and some between."""
    most = list(range(1, BATCHES + 1))
    if context.options.embeddings >= WANTED:
        return most
    chosen = [1, 2, 3, 5, BATCHES]  # what is no multiple of a forward pass is where bits would part first
    middle = [batch for batch in context.random("batches").sample(most, BATCHES) if batch not in chosen]
    while middle and embeddings_of(chosen) < context.options.embeddings:
        chosen.append(middle.pop())
    return sorted(chosen)


def hashes(context, encoder, cap, way, batches):
    """(class, {(head, kind): {batch: hash}}), by a process of its own."""
    home, (threads, load) = imported(context), way
    pictures = home.listed("pictures", drawn_pictures(context, "bits", INPUTS))
    texts = home.listed("texts", drawn_texts(context, "bits", INPUTS))
    (isa,), *lines = home.tool("same_bits", encoder, threads, load, ",".join(map(str, batches)), pictures, texts,
                               env={"ONEDNN_MAX_CPU_ISA": cap}, timeout=3600)
    found = {}
    for head, kind, batch, _, digest in lines:
        found.setdefault((head, kind), {})[int(batch)] = digest
    return isa, found


def one_fingerprint(context, encoder, class_name):
    cap, able = CLASSES[class_name]
    if able not in common.machine()["simd"]:
        raise common.Missing(f"this machine has no {class_name}")
    batches = sizes(context)
    runs = [hashes(context, encoder, cap, way, batches) for way in WAYS]
    isa, first = runs[0][0], {key: found[1] for key, found in runs[0][1].items()}
    unlike = [f"{head} {kind} at batch {batch}, {threads} threads, load {load}" for (threads, load), (_, run) in zip(WAYS, runs)
              for (head, kind), found in run.items() for batch, digest in found.items() if digest != first[head, kind]]
    count = embeddings_of(batches)
    context.kept["class", encoder, class_name] = (isa, first)
    scale = "" if count >= WANTED else " (a smaller scale)"
    figure = (f"{count} embeddings{scale}, {len(batches)} batch sizes from 1 to {BATCHES}, "
              f"1 and 2 threads, restart, load, on {isa}: "
              + (f"{len(unlike)} departures, first: {unlike[0]}" if unlike else "one fingerprint a head"))
    whole = {kind for _, kind in first} == {"images", "texts"} and all(
        len(one) == len(batches) for _, run in runs for one in run.values())
    told = {" ".join(key): value for key, value in first.items()}
    return claims.Finding(not unlike and whole, figure, {"isa": isa, "hashes": told, "unlike": unlike, "embeddings": count,
                                                         "batches": batches})


for name, class_name in itertools.product(ENCODERS, CLASSES):
    claim(f"bits-{name}-{class_name}", f"{WANTED} embeddings of pictures and texts: one fingerprint a head")(
        lambda context, name=name, class_name=class_name: one_fingerprint(context, name, class_name))


@claim("bits-classes", "other bits carry another class: encoders with the same class name have the same bits")
def classes(context):
    """Two limits that are told as one class must give one set of bits; that other classes give others is only told."""
    found = {}
    for key, kept in context.kept.items():
        if key[0] == "class":
            found.setdefault(key[1], {})[key[2]] = kept
    if not any(len(one) > 1 for one in found.values()):
        raise common.Missing("needs the claims bits-* of one encoder under two limits in the same run")
    pairs = [(encoder, a, b) for encoder, one in found.items() for a, b in itertools.combinations(one, 2)]
    other = [pair for pair in pairs if found[pair[0]][pair[1]][1] != found[pair[0]][pair[2]][1]]
    wrong = [pair for pair in other if found[pair[0]][pair[1]][0] == found[pair[0]][pair[2]][0]]
    names = {isa for one in found.values() for isa, _ in one.values()}
    figure = (f"{len(names)} classes ({', '.join(sorted(names))}); of {len(pairs)} pairs {len(other)} have other bits"
              + (f", {len(wrong)} of them under one name: {wrong[0]}" if wrong else ""))
    return claims.Finding(not wrong and len(names) >= 2, figure, {"wrong": wrong, "other": other})
