#!/usr/bin/env python3
"""--reproducible gives the bits of the machine that began a collection, and refuses where that cannot be.
Usage: reproducible_test.py PICTOR_PROGRAM DEPS_DIR"""
import platform

from house import DEPS, House, check, need

ENCODERS = ("lite0-minilm", "lite0-minilm-int8")


def vectors(house, collection, names):
    return {name: house.json("get", name, "-c", collection, "--vectors")["vectors"] for name in names}


def one_encoder(house, encoder, folder):
    low, high = f"{encoder}-low", f"{encoder}-high"
    names = sorted(path.name for path in folder.iterdir())
    house.must("index", folder, "--encoder", encoder, "-c", low, isa="AVX2")
    house.must("index", folder, "--encoder", encoder, "-c", high)
    classes = {info["name"]: info["isa_class"] for info in house.json("collections")["collections"]}
    if classes[low] == classes[high]:
        print(f"reproducible_test: skipped, this machine has no more than {classes[low]}")
        return 0
    wanted, other = vectors(house, low, names), vectors(house, high, names)
    changed = sum(wanted[name] != other[name] for name in names)

    for name in names:
        made = house.json("embed", "--image", folder / name, "--head", "visual", "-c", low, "--reproducible")
        check(made["vectors"][0]["vector"] == wanted[name]["visual"], f"{encoder}: embed {name} --reproducible gives other bits")
    house.must("index", folder, "-c", low, "--force", "--reproducible")
    check(vectors(house, low, names) == wanted, f"{encoder}: index --reproducible gives other bits")

    pinned = house.json("verify", "--rederive", "-c", low, "--reproducible")["rederived"][0]
    check(pinned["equal"] == len(names), f"{encoder}: {pinned}")
    loose = house.json("verify", "--rederive", "-c", low)["rederived"][0]
    check(loose["other"] == changed and loose["equal"] == len(names) - changed and loose["differ"] == 0,
          f"{encoder}: {loose}")
    least = min((one["cosine"] for one in loose["others"]), default=1.0)

    found = house.json("search", "--image", folder / names[0], "-c", low, "--reproducible")
    check(found["warnings"] == [] and found["hits"][0]["score"] >= 0.999999, f"{encoder}: {found}")
    warned = house.json("search", "--image", folder / names[0], "-c", low)
    check(classes[low] in warned["warnings"][0], f"{encoder}: no warning of another class")

    for arguments in (("search", "--image", folder / names[0]), ("index", folder, "--force"),
                      ("embed", "--image", folder / names[0])):
        done = house.run(*arguments, "-c", high, "--reproducible", isa="AVX2")
        check(done.returncode == 13 and classes[high] in done.stderr and classes[low] in done.stderr,
              f"{encoder}: {arguments[0]} ended with {done.returncode}: {done.stderr}")
    print(f"reproducible_test: {encoder}: {changed} of {len(names)} pictures differ under {classes[low]} and "
          f"{classes[high]} (cosine >= {least:.9f}), all are equal bit for bit with --reproducible")
    return changed


def cosine(a, b):
    product = sum(x * y for x, y in zip(a, b))
    return product / (sum(x * x for x in a) * sum(y * y for y in b)) ** .5


def int8_means_the_same_everywhere(house, names):
    """Processors without exact int8 products must not answer as if they had them."""
    float32 = vectors(house, f"{ENCODERS[0]}-high", names)
    for limit in ("high", "low"):
        int8 = vectors(house, f"{ENCODERS[1]}-{limit}", names)
        least = min(cosine(float32[name]["visual"], int8[name]["visual"]) for name in names)
        check(least >= 0.97, f"int8 under the {limit} limit has a cosine of {least:.4f} to fp32")
        print(f"reproducible_test: int8 under the {limit} limit: cosine to fp32 >= {least:.4f}")


def main():
    if platform.machine() != "x86_64":
        print("reproducible_test: skipped, ONEDNN_MAX_CPU_ISA is for x86-64")
        return
    house = House()
    need(DEPS / "golden/pictures", "run tools/setup golden")
    folder = house.pictures(3)
    changed = 0
    for encoder in ENCODERS:
        need(DEPS / "models" / encoder / "image.onnx", "run tools/setup models")
        changed += one_encoder(house, encoder, folder)
    if changed:
        int8_means_the_same_everywhere(house, sorted(path.name for path in folder.iterdir()))
    if changed == 0:
        print("reproducible_test: no encoder has other bits in another class here: little was shown")
    done = house.run("embed", "--text", "x", "--reproducible")
    check(done.returncode == 2 and "--collection" in done.stderr, f"{done.returncode}: {done.stderr}")


main()
