"""Claims: the right stamp is found by its description, and its nearest neighbour is of its kind."""
import csv
import pathlib

import claims
import common
import line_encoder
import numpy
import ours
from PIL import Image

STAMPS = common.ROOT / "bench" / "data" / "stamps-327.csv"
R1_WANTED, R5_WANTED, INT8_POINTS, NEIGHBOURS_WANTED = 0.31, 0.50, 1.5, 0.78
RESAMPLES = 2000
MARGIN = 1.15  # the square a stamp is put into, of its longer side


def listed():
    """The committed list: where a stamp lies below the package's folder, and its description."""
    common.need(STAMPS, "the list of the 327 stamps")
    with open(STAMPS, newline="") as opened:
        rows = list(csv.DictReader(opened))
    return [(row["path"], row["description"]) for row in rows]


def on_white_square(path, out):
    with Image.open(path) as opened:
        picture = opened.convert("RGBA")
    side = round(max(picture.size) * MARGIN)
    under = Image.new("RGBA", (side, side), (255, 255, 255, 255))
    under.alpha_composite(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    under.convert("RGB").save(out)


def ranks(context, encoder):
    """For each description, how many pictures stand before its own; and the visual vectors."""
    def measure():
        entries = listed()
        root = common.stamps_folder()
        with ours.fresh_folder() as folder:
            pictures = [pathlib.Path(folder) / f"{number:03d}.png" for number in range(len(entries))]
            for (path, _), out in zip(entries, pictures):
                on_white_square(root / path, out)
            rows = line_encoder.encode(encoder, pictures, [text for _, text in entries], threads=2)
        scores = rows["joint", "texts"] @ rows["joint", "images"].T
        own = scores.diagonal()[:, None]
        before = (scores > own).sum(axis=1)
        return {"entries": entries, "before": before, "visual": rows["visual", "images"]}
    return context.once(f"ranks/{encoder}", measure)


def recall(before, k, random):
    """R@k with a 95 % interval from resampling the descriptions."""
    hits = before < k
    drawn = random.integers(0, len(hits), (RESAMPLES, len(hits)))
    low, high = numpy.percentile(hits[drawn].mean(axis=1), [2.5, 97.5])
    return {"value": float(hits.mean()), "low": float(low), "high": float(high), "n": len(hits)}


def judged(context, k, wanted):
    random = numpy.random.Generator(numpy.random.PCG64(context.seed))
    found = recall(ranks(context, ours.FP32)["before"], k, random)
    return claims.Finding(found["value"] >= wanted, f"R@{k} {found['value']:.3f}, 95 % interval {found['low']:.3f} to "
                          f"{found['high']:.3f}, {found['n']} stamps", found)


def int8_judged(context, k):
    both = [float((ranks(context, name)["before"] < k).mean()) for name in (ours.FP32, ours.INT8)]
    points = 100 * (both[0] - both[1])
    return claims.Finding(abs(points) <= INT8_POINTS, f"R@{k} fp32 {both[0]:.3f}, int8 {both[1]:.3f}: {points:+.2f} points "
                          "lost", {"fp32": both[0], "int8": both[1], "points_lost": points})


for depth, bound in ((1, R1_WANTED), (5, R5_WANTED)):
    claims.claim(f"text-to-image-r{depth}", f">= {bound:.2f} in fp32")(
        lambda context, k=depth, wanted=bound: judged(context, k, wanted))
    claims.claim(f"text-to-image-r{depth}-int8", f"within {INT8_POINTS} points of fp32")(
        lambda context, k=depth: int8_judged(context, k))


@claims.claim("image-to-image", f"nearest neighbour in the same top folder >= {NEIGHBOURS_WANTED:.0%}")
def neighbours(context):
    found = ranks(context, ours.FP32)
    folders = numpy.array([pathlib.PurePath(path).parts[0] for path, _ in found["entries"]])
    scores = found["visual"] @ found["visual"].T
    numpy.fill_diagonal(scores, -numpy.inf)
    share = float((folders[scores.argmax(axis=1)] == folders).mean())
    return claims.Finding(share >= NEIGHBOURS_WANTED, f"{share:.1%} of {len(folders)} stamps", {"share": share})
