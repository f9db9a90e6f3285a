"""Claims: an encoder in another dimension, by its first numbers, a PCA or a matrix, is served as any other."""
import json

import claims
import ingest
import numpy
import ours
import reference
from encoders_house import claim, drawn_pictures, house
from line_encoder import encode as vectors_of

BASE, HEAD = ours.FP32, "visual"  # 1280 numbers
COSINE_WANTED = 0.999999
NEIGHBOURS = 10
SPREAD_WANTED, TOLD_WITHIN = 0.99, 0.1
PICTURES = 60
FITTED = 700  # a fifth of them is held out; 512 components need as many pictures


def served(home, name, dim, files):
    """Its vectors, after a look at what a collection of it answers: every picture finds itself."""
    home.index(files[0].parent, name, name)
    found = 0
    for path in files[:8]:
        hits = home.json("search", "--image", path, "--collection", name, "-k", 1)["hits"]
        found += hits[0]["id"] == path.name and hits[0]["score"] > 0.99999
    rows = vectors_of(name, files, [], encoders=home.encoders)[HEAD, "images"]
    if rows.shape != (len(files), dim) or found != 8:
        raise RuntimeError(f"{name}: vectors of {rows.shape[1]} numbers, {found} of 8 pictures found themselves")
    batched = vectors_of(name, files, [], batch=1, threads=2, encoders=home.encoders)[HEAD, "images"]
    if (batched.view("u4") != rows.view("u4")).any():
        raise RuntimeError(f"{name}: another batch, other bits")
    return rows


def overlap(before, after):
    near = []
    for rows in (before, after):
        scores = rows @ rows.T
        numpy.fill_diagonal(scores, -numpy.inf)
        near.append(numpy.argsort(-scores, axis=1, kind="stable")[:, :NEIGHBOURS])
    return float(numpy.mean([len(set(a) & set(b)) / NEIGHBOURS for a, b in zip(*near)]))


def features(files):
    """What the base's network gives before any head, by onnxruntime."""
    base = reference.Encoder(BASE, threads=2)
    rows = []
    for path in files:
        pixels = reference.prepare_u8(reference.read_rgb(path, base.spec), base.spec)[None]
        outputs = base.session.run(None, {base.input: reference.normalise(pixels, base.spec)})
        rows.append(next(output[0] for output in outputs if output.shape[1] == 1280))
    return numpy.stack(rows).astype(numpy.float64)


def projected(home, name, files):
    """The vectors that the card's own matrix and bias give, by numpy; and how far its columns are from orthonormal."""
    side = json.loads((home.encoders / name / "card.json").read_text())["heads"][0]["images"]
    bias = numpy.fromfile(home.encoders / name / side["bias"], "<f4").astype(numpy.float64)
    matrix = numpy.fromfile(home.encoders / name / side["matrix"], "<f4").astype(numpy.float64).reshape(-1, len(bias))
    return features(files) @ matrix + bias, float(numpy.abs(matrix.T @ matrix - numpy.eye(len(bias))).max())


def derived(context, dim, how):
    """Least cosine to what numpy makes of the base's vectors, and the overlap of neighbours on drawn pictures."""
    ours.need_encoder(BASE)
    with house() as home:
        files = ingest.lay_out(drawn_pictures(context, "derive", PICTURES), home.folder / "files")
        base = vectors_of(BASE, files, [])[HEAD, "images"]
        name, wanted, extra = f"d{dim}", base[:, :dim], ["--truncate"]
        if how == "matrix":
            matrix = numpy.random.default_rng(context.seed).standard_normal((base.shape[1], dim), dtype=numpy.float32)
            matrix.tofile(home.folder / "matrix.f32")
            wanted, extra = base @ matrix, ["--matrix", home.folder / "matrix.f32"]
        if how == "pca":
            others = [path for path in ingest.stamp_files() if not any(file.name.endswith(path.name) for file in files)]
            pool = ingest.lay_out(context.random("pca").sample(others, FITTED), home.folder / "pool")[0].parent
            extra = ["--pca", pool]
        report = home.json("encoder", "derive", BASE, "--name", name, "--head", HEAD, "--dim", dim, *extra)
        rows = served(home, name, dim, files)
        numbers = {"overlap": overlap(base, rows), "dim_before": report["dim_before"], "dim": report["dim"]}
        if how == "pca":
            wanted, numbers["skew"] = projected(home, name, files)
            numbers.update(spread_kept=report["kept"], overlap_told=report["overlap"])
    return {**numbers, "cosine": float(reference.cosines(rows, wanted).min())}


def exact(context, dim, how):
    found = derived(context, dim, how)
    figure = (f"{found['dim_before']} numbers to {dim}: least cosine {found['cosine']:.7f} with numpy, overlap@10 "
              f"{found['overlap']:.2f}, {PICTURES} drawn pictures indexed and found")
    return claims.Finding(found["cosine"] >= COSINE_WANTED, figure, found)


for how, dims in (("truncate", (512, 1024)), ("matrix", (512, 2048))):
    for dim in dims:
        claim(f"derive-{how}-{dim}", f"served; cosine >= {COSINE_WANTED} with the same done by numpy; bits over batch and threads")(
            lambda context, dim=dim, how=how: exact(context, dim, how))


@claim("derive-pca-512", f"served; cosine >= {COSINE_WANTED} with its matrix by numpy, orthonormal; >= {SPREAD_WANTED:.0%} of the "
       f"spread; overlap@10 as told, within {TOLD_WITHIN}")
def pca(context):
    found = derived(context, 512, "pca")
    figure = (f"{found['dim_before']} numbers to 512, fitted on stamps: {found['spread_kept']:.1%} of the spread kept, least cosine "
              f"{found['cosine']:.7f}; overlap@10 {found['overlap']:.3f} on {PICTURES} drawn pictures, {found['overlap_told']:.3f} told")
    holds = (found["cosine"] >= COSINE_WANTED and found["skew"] < 1e-5 and found["spread_kept"] >= SPREAD_WANTED
             and abs(found["overlap"] - found["overlap_told"]) <= TOLD_WITHIN)
    return claims.Finding(holds, figure, found)
