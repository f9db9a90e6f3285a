"""Claims: an encoder in another dimension, by its first numbers, a PCA or a matrix, is served as any other."""
import claims
import ingest
import numpy
import ours
import reference
from encoders_house import claim, drawn_pictures, house
from line_encoder import encode as vectors_of

BASE, HEAD = ours.FP32, "visual"  # 1280 numbers
COSINE_WANTED = 0.999999
OVERLAP_WANTED, NEIGHBOURS = 0.8, 10
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
            wanted, extra = None, ["--pca", pool]
        report = home.json("encoder", "derive", BASE, "--name", name, "--head", HEAD, "--dim", dim, *extra)
        rows = served(home, name, dim, files)
    numbers = {"overlap": overlap(base, rows), "dim_before": report["dim_before"], "dim": report["dim"]}
    if wanted is not None:
        numbers["cosine"] = float(reference.cosines(rows, wanted).min())
    else:
        numbers.update(spread_kept=report["kept"], overlap_told=report["overlap"])
    return numbers


def exact(context, dim, how):
    found = derived(context, dim, how)
    figure = (f"{found['dim_before']} numbers to {dim}: least cosine {found['cosine']:.7f} with numpy, overlap@10 "
              f"{found['overlap']:.2f}, {PICTURES} drawn pictures indexed and found")
    return claims.Finding(found["cosine"] >= COSINE_WANTED, figure, found)


for how, dims in (("truncate", (512, 1024)), ("matrix", (512, 2048))):
    for dim in dims:
        claim(f"derive-{how}-{dim}", f"served; cosine >= {COSINE_WANTED} with the same done by numpy; bits over batch and threads")(
            lambda context, dim=dim, how=how: exact(context, dim, how))


@claim("derive-pca-512", f"served; overlap@10 >= {OVERLAP_WANTED} with the base, on pictures that were not fitted")
def pca(context):
    found = derived(context, 512, "pca")
    figure = (f"{found['dim_before']} numbers to 512, fitted on stamps: {found['spread_kept']:.1%} of the spread kept, overlap@10 "
              f"{found['overlap']:.3f} on {PICTURES} drawn pictures, {found['overlap_told']:.3f} told by the program")
    return claims.Finding(min(found["overlap"], found["overlap_told"]) >= OVERLAP_WANTED, figure, found)
