"""Vectors of pictures for the benches of indexes: every picture at hand, and alterations of it, by the default encoder.

Pictures: Debian's stamps and wallpapers, and what lies in ../shared/data, where that is. Row n is picture n mod P, altered
for the (n div P)-th time: cropped, turned, mirrored, lighter or darker, greyer, blurred, saved coarsely, from a seed of its
own. A tenth of the pictures is held out, with all their alterations: queries come from them, so that no query has a twin
among the vectors. The encoder's 1,280 numbers are brought to 512 by a PCA of the vectors. Made in pieces of 1,000 that
stay under .deps/data/ann/embedded: a run that was stopped goes on where it was.
"""
import hashlib
import pathlib
import shutil
import sys

import common
import ours

common.enter_venv("numpy", "PIL")
import numpy  # noqa: E402
from PIL import Image, ImageEnhance, ImageFilter  # noqa: E402

PIECE, DIM, HEAD, ENCODER = 1000, 512, "visual", ours.FP32
SIDE = 320  # the longer side of an altered picture: above what encoders look at
FIT_ROWS = 20_000


def wallpapers():
    """One file of each wallpaper, the smallest: they come in a dozen sizes."""
    smallest = {}
    for path in common.pictures(common.data_folder("wallpapers")):
        other = smallest.setdefault(path.parent, path)
        smallest[path.parent] = min(path, other, key=lambda one: (one.stat().st_size, one.name))
    return list(smallest.values())


def at_hand():
    """Every picture, each content once, in an order that does not depend on the machine's folders."""
    paths = common.pictures(common.stamps_folder()) + wallpapers()
    for folder in (common.SHARED / "data" / one for one in ("coco-by", "eshop", "grocery", "clothing")):
        paths += common.pictures(folder) if folder.is_dir() else []
    found = {}
    for path in paths:
        found.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), path)
    return [found[key] for key in sorted(found)], hashlib.sha256("".join(sorted(found)).encode()).hexdigest()[:16]


def opened(path):
    with Image.open(path) as image:
        image.draft("RGB", (2 * SIDE, 2 * SIDE))
        image = image.convert("RGBA")
    image.thumbnail((2 * SIDE, 2 * SIDE))
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image).convert("RGB")


def altered(path, number):
    """The picture itself at 0; else something that a camera, a person or a site may have made of it."""
    image = opened(path)
    if number > 0:
        random = numpy.random.default_rng((int(hashlib.sha256(path.name.encode()).hexdigest()[:12], 16), number))
        image = image.rotate(random.uniform(-20, 20), expand=False, fillcolor=(255, 255, 255), resample=Image.Resampling.BILINEAR)
        share = random.uniform(0.35, 1.0)
        wide, tall = (min(side, max(8, int(side * share))) for side in image.size)
        left, top = random.integers(0, image.width - wide + 1), random.integers(0, image.height - tall + 1)
        image = image.crop((left, top, left + wide, top + tall))
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = kind(image).enhance(random.uniform(0.5, 1.5))
        if random.random() < 0.3:
            image = image.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 2.5)))
    image.thumbnail((SIDE, SIDE))
    return image


def embedded(jobs, folder):
    """The vectors of (picture, number) jobs, one row each."""
    names = []
    for at, (path, number) in enumerate(jobs):
        names.append(folder / f"{at}.jpg")
        altered(path, number).save(names[-1], quality=88)
    (folder / "pictures").write_text("".join(f"{name}\n" for name in names))
    (folder / "texts").write_text("")
    common.run([ours.tool("vectors"), common.CARDS, common.WEIGHTS, folder / "none", ENCODER, 16, 2, folder / "pictures",
                folder / "texts", folder / "out"], timeout=3600).must(0)
    return numpy.fromfile(folder / f"out.{HEAD}.images.f32", numpy.float32).reshape(len(jobs), -1)


def pieces(pictures, rows, kept):
    """Rows of alterations of these pictures, a piece at a time, from what is kept where it can be."""
    kept.mkdir(parents=True, exist_ok=True)
    for first in range(0, rows, PIECE):
        count = min(PIECE, rows - first)
        file = kept / f"{first}-{count}.npy"
        if not file.exists():
            print(f"embedding {first:,} of {rows:,} in {kept.name}", file=sys.stderr, flush=True)
            scratch = common.scratch() / f"embed-{kept.name}-{first}"
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            jobs = [(pictures[n % len(pictures)], n // len(pictures)) for n in range(first, first + count)]
            numpy.save(scratch / "made.npy", embedded(jobs, scratch))
            (scratch / "made.npy").rename(file)
            shutil.rmtree(scratch)
        yield numpy.load(file)


def make(folder, rows):
    ours.need_encoder(ENCODER)
    pictures, key = at_hand()
    held_out, used = pictures[::10], [picture for n, picture in enumerate(pictures) if n % 10]
    kept = common.DEPS / "data" / "ann" / "embedded" / f"{ENCODER}-{key}"
    vectors = numpy.concatenate(list(pieces(used, rows, kept / "vectors")))
    pool = numpy.concatenate(list(pieces(held_out, min(10_000, max(1000, rows // 10)), kept / "pool")))
    fitted = numpy.linalg.svd(vectors[:FIT_ROWS] - vectors[:FIT_ROWS].mean(axis=0), full_matrices=False)[2][:DIM].T
    for name, content in (("vectors.f32", vectors), ("pool.f32", pool)):
        (content @ fitted).astype(numpy.float32).tofile(folder / name)
    return {"dim": fitted.shape[1], "metric": "cosine", "pictures": len(pictures), "encoder": ENCODER}
