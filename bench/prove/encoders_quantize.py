"""Claims: static int8 loses no more than stated, and what loses more is not registered."""
import json
import pathlib

import claims
import encode
import ingest
import numpy
import ours
from encoders_house import CLIP, claim, drawn_texts, house, quantized
from line_encoder import encode as vectors_of

# The bounds that the program itself has as its default (--max-loss 0.2).
LOSS_MAX = 0.2
OVERLAP_WANTED, COSINE_WANTED = 1 - LOSS_MAX, 1 - LOSS_MAX / 10
NEIGHBOURS = 10
PICTURES, TEXTS = 100, 60
SHIPPED = (("lite0-minilm", "lite0-minilm-int8"), (ours.FP32, ours.INT8))


def nearest(rows, among, self_too):
    scores = rows @ among.T
    if not self_too:
        numpy.fill_diagonal(scores, -numpy.inf)
    return numpy.argsort(-scores, axis=1, kind="stable")[:, :NEIGHBOURS]


def agreement(before, after, head, kind):
    """Of the ten nearest pictures, the share that is the same; how often the first is; the mean cosine."""
    same = kind == "images"
    old, new = (nearest(rows[head, kind], rows[head, "images"], not same) for rows in (before, after))
    cosine = (before[head, kind] * after[head, kind]).sum(axis=1)
    return {"overlap": float(numpy.mean([len(set(a) & set(b)) / NEIGHBOURS for a, b in zip(old, new)])),
            "first_same": float((old[:, 0] == new[:, 0]).mean()), "cosine_mean": float(cosine.mean()),
            "cosine_least": float(cosine.min())}


def measured(context, home, fp32, int8):
    """Our own measure, by vectors of pictures and texts that neither calibration nor the program's evaluation saw."""
    pictures = context.random("judge").sample(ingest.stamp_files(), PICTURES)
    texts = drawn_texts(context, "judge", TEXTS)
    before, after = (vectors_of(name, pictures, texts, encoders=home.encoders) for name in (fp32, int8))
    return {f"{head} {kind}": agreement(before, after, head, kind) for head, kind in before if (head, "images") in before}


def within(found):
    return all(one["overlap"] >= OVERLAP_WANTED and one["cosine_mean"] >= COSINE_WANTED for one in found.values())


def told(found):
    return ", ".join(f"{name} overlap@10 {one['overlap']:.3f} nearest {one['first_same']:.2f} cosine {one['cosine_mean']:.4f}"
                     for name, one in found.items())


WANTED = f"overlap@10 >= {OVERLAP_WANTED:.1f}, mean cosine >= {COSINE_WANTED:.2f} (the default of --max-loss)"


def quantizes(context, encoder, images, family=None):
    with house() as home:
        if family:
            home.add(family, encoder)
        report = quantized(context, home, encoder, images, ("--name", "made"))
        found = measured(context, home, encoder, "made")
    tool = {f"{one['head']} {one['of']}": {"overlap": one["overlap_at_10"], "first_same": one["nearest_agrees"],
                                           "cosine_mean": one["cosine_mean"]} for one in report["losses"]}
    figure = f"by the program: {told(tool)}; on {PICTURES} other pictures and {TEXTS} texts: {told(found)}"
    return claims.Finding(within(tool) and within(found) and report["precision"] == "int8", figure,
                          {"program": report["losses"], "measured": found, "kept_float": report["kept_float"]})


claim("quantize-clip", f"`pictor encoder quantize` of an imported CLIP: {WANTED}")(
    lambda context: quantizes(context, CLIP, 64, CLIP))
claim("quantize-lite0", f"`pictor encoder quantize` of trained networks: {WANTED}")(
    lambda context: quantizes(context, "lite0-minilm", 64))


@claim("quantize-shipped", f"int8 networks that come with Pictor beside their f32, {PICTURES} drawn stamps: {WANTED}")
def shipped(context):
    for name in {name for pair in SHIPPED for name in pair}:
        ours.need_encoder(name)
    with house() as home:
        found = {int8: measured(context, home, fp32, int8) for fp32, int8 in SHIPPED}
    return claims.Finding(all(within(one) for one in found.values()),
                          "; ".join(f"{name}: {told(one)}" for name, one in found.items()), found)


@claim("quantize-refuses", "past a stated loss nothing is registered, and what was seen is said")
def refuses(context):
    with house() as home:
        home.add()
        folder = pathlib.Path(encode.pictures()[0]).parent
        went = home.call("encoder", "quantize", CLIP, "--calibration", folder, "--images", 24, "--max-loss", 0.00001)
        left = [path.name for path in home.encoders.iterdir()]
        names = [one["name"] for one in json.loads(home.must("--json", "encoders").out)["encoders"]]
    refused = went.status == 5 and f"{CLIP}-int8" not in names and left == [CLIP]
    return claims.Finding(refused, f"status {went.status}: {went.err.strip()[:200]}", {"left": left})
