"""Claims: speed beside the run times that others use, on one thread, in the same run."""
import shutil

import claims
import common
import encode
import ours
from encode_networks import BENCH, network_named

CONTENDERS = ("Pictor fp32", "Pictor int8", "onnxruntime fp32", "onnxruntime int8", "OpenVINO int8")
START_SECONDS = 0.5
SHARE_AIM = 0.70


def measured(context, name):
    """One thread, batch 1 and files, every contender in turn."""
    def measure():
        claims.say(f"speed: {name}, {context.options.rounds} rounds")
        return encode.measure(network_named(name), 1, rounds=context.options.rounds, seconds=1.0, batches=(1, 8),
                              wanted=CONTENDERS)
    return context.once(f"speed {name}", measure)


def best(found, contender):
    """Pictures per CPU-second at its best batch: nobody is held to a batch that does not suit it."""
    return max(numbers["rate_per_cpu_second"]["median"] for numbers in found[contender]["batch"].values())


def ratio(context, name, peer, bound):
    found = measured(context, name)
    our, their = best(found, "Pictor int8"), best(found, peer)
    figure = f"{our / their:.2f} x: {our:.1f} against {their:.1f} pictures per CPU-second"
    return claims.Finding(our / their >= bound, figure, {"ours": our, "theirs": their, "all": found})


for network, peer, bound in (("vit-b-32", "onnxruntime fp32", 3.0), ("resnet-50", "onnxruntime fp32", 3.5),
                             ("vit-b-32", "onnxruntime int8", 1.3), ("resnet-50", "onnxruntime int8", 1.3),
                             ("vit-s-16", "onnxruntime fp32", 3.0), ("vit-s-16", "onnxruntime int8", 1.3)):
    claims.claim(f"speed-{network}-{peer.replace(' ', '-')}", f"int8 >= {bound} x {peer}, per CPU-second, one thread", what="encoders")(
        lambda context, name=network, peer=peer, bound=bound: ratio(context, name, peer, bound))


def end_to_end(context, name, size):
    """JPEG bytes to vector: one thread per CPU-second, and both processors per second."""
    paths = encode.pictures() if size == "640" else encode.camera_pictures()

    def ran(threads):
        return context.once(f"files {size} {name} {threads}", lambda: encode.measure(
            network_named(name), threads, rounds=context.options.rounds, seconds=1.5, batches=(), paths=paths,
            wanted=("Pictor int8", encode.REFERENCE, "OpenVINO int8")))
    one, both = ran(1), ran(2)
    single = (one["Pictor int8"]["files"]["rate_per_cpu_second"]["median"]
              / one["OpenVINO int8"]["files"]["rate_per_cpu_second"]["median"])
    double = both["Pictor int8"]["files"]["rate"]["median"] / both["OpenVINO int8"]["files"]["rate"]["median"]
    figure = f"{single:.2f} x per CPU-second on one thread, {double:.2f} x per second on two"
    return claims.Finding(single >= 1.3 and double >= 1.3, figure, {"one": one, "both": both})


for network in ("vit-b-32", "resnet-50"):
    for size, kind in (("camera", "8 and 12 megapixels"), ("640", "640 x 480")):
        claims.claim(f"files-{size}-{network}", f"int8, JPEGs of {kind} to vectors: >= 1.3 x plain OpenVINO from Python with the "
                     "same network", what="encoders")(
            lambda context, name=network, size=size: end_to_end(context, name, size))


@claims.claim("share-of-peak", f"the share of one core's VNNI peak is measured (aim {SHARE_AIM:.0%})", what="encoders")
def share(context):
    peak = context.once("peak", encode.peak)["vnni_per_second"]
    if not peak:
        raise common.Missing("this machine has no AVX-512 VNNI")
    shares = {name: best(measured(context, name), "Pictor int8") * network_named(name).operations / peak
              for name in ("vit-b-32", "vit-s-16", "resnet-50")}
    figure = ", ".join(f"{name} {value:.0%}" for name, value in shares.items())
    return claims.Finding(True, f"{figure} of {peak / 1e9:.0f} GOP/s", {"shares": shares, "peak": peak})


@claims.claim("latency", "p99 at batch 1 is stated", what="encoders")
def latency(context):
    times = {(name, one): measured(context, name)[one]["batch"][1] for name in ("vit-b-32", "resnet-50")
             for one in ("Pictor int8", "Pictor fp32")}
    figure = ", ".join(f"{name} {one.split()[1]} p50 {found['p50_ms']['median']:.1f} p99 {found['p99_ms']['median']:.1f} ms"
                       for (name, one), found in times.items())
    return claims.Finding(True, figure, {" ".join(key): found for key, found in times.items()})


@claims.claim("cosine", "int8 and fp32 beside onnxruntime fp32: fp32 >= 0.99999; the same bits at batch 1, 8, 32", what="encoders")
def cosine(context):
    found = {name: measured(context, name) for name in ("vit-b-32", "vit-s-16", "resnet-50")}
    fp32 = min(one["Pictor fp32"]["cosine"] for one in found.values())
    same = all(one[ours_]["same_bits"] for one in found.values() for ours_ in ("Pictor fp32", "Pictor int8"))
    int8 = {name: one["Pictor int8"]["cosine"] for name, one in found.items()}
    figure = (f"fp32 {fp32:.7f}; int8 (random weights) {', '.join(f'{name} {value:.4f}' for name, value in int8.items())}; "
              f"bits over batch {'the same' if same else 'DIFFER'}")
    return claims.Finding(fp32 >= 0.99999 and same, figure, {"fp32": fp32, "int8": int8})


def first_vector(encoder, cache, picture):
    went = ours.call("embed", "--image", picture, "--encoder", encoder, "--format", "npy", "--output", cache / "out.npy",
                     env={"PICTOR_ENCODERS": str(BENCH / "encoders"), "XDG_CACHE_HOME": str(cache)}).must(0)
    return went.wall


@claims.claim("start", f"process start to first vector <= {START_SECONDS} s from the compiled-model cache", what="encoders")
def start(context):
    network_named("vit-b-32")
    picture, figures = encode.pictures()[0], {}
    for name in ("vit-b-32", "vit-b-32-int8", "resnet-50-int8", ours.FP32, ours.INT8):
        if name.startswith("resnet"):
            network_named("resnet-50")
        cache = common.scratch() / "start-cache"
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(parents=True)
        first = first_vector(name, cache, picture)
        figures[name] = {"first": first, "warm": common.spread(first_vector(name, cache, picture) for _ in range(9))}
    text = ", ".join(f"{name} {found['warm']['median']:.2f} (first time {found['first']:.2f})" for name, found in figures.items())
    return claims.Finding(all(found["warm"]["median"] <= START_SECONDS for found in figures.values()), f"{text} s", figures)
