"""Claims: the encoder's vectors are those of the Python reference, and the same bits at any batch, threads and restart."""
import pathlib
import tempfile

import claims
import common
import ingest
import numpy
import ours
import reference

PICTURES = 100
COSINE_WANTED = 0.9999
WAYS = [(batch, threads) for batch in (1, 7, 32) for threads in (1, 2)]
WORDS = ("red", "a", "photo", "of", "cat", "flugzeug", "l'été", "犬", "кошка", "naïve", "B-52", "🦆", "über", "in", "snow")


def drawn_stamps(context):
    return context.random("stamps").sample(ingest.stamp_files(), PICTURES)


def drawn_texts(context):
    """Short and long, plain and odd, so that batches hold lines of unlike length."""
    random = context.random("texts")
    return [" ".join(random.choices(WORDS, k=random.choice((1, 3, 8, 40, 400)))) for _ in range(64)]


def encode(encoder, pictures, texts, batch=8, threads=1, encoders=None, tokens=False):
    """Rows by (head, "images" or "texts"), from a process of its own. `encoders` is a folder of added ones; with `tokens`
    the numbers of all patch tokens are there too, under "tokens"."""
    if encoders is None:
        ours.need_encoder(encoder)
    with tempfile.TemporaryDirectory(dir=common.scratch()) as folder:
        folder = pathlib.Path(folder)
        (folder / "pictures.txt").write_text("".join(f"{path}\n" for path in pictures))
        (folder / "texts.txt").write_text("".join(f"{text}\n" for text in texts))
        went = common.run([ours.tool("vectors"), common.CARDS, common.WEIGHTS, encoders or folder, encoder, batch, threads,
                           folder / "pictures.txt", folder / "texts.txt", folder / "out", *(["tokens"] if tokens else [])]).must(0)
        rows = {"tokens": numpy.fromfile(folder / "out.tokens.f32", dtype="<f4")} if tokens else {}
        for printed in went.out.splitlines():
            head, dim = printed.split()
            for kind in ("images", "texts"):
                path = folder / f"out.{head}.{kind}.f32"
                if path.exists():
                    rows[head, kind] = numpy.fromfile(path, dtype="<f4").reshape(-1, int(dim))
        return rows


@claims.claim("encoder-cosine", f"min cosine >= {COSINE_WANTED} with the Python reference, {PICTURES} random stamps")
def encoder_cosine(context):
    pictures = drawn_stamps(context)
    rows = encode(ours.FP32, pictures, ["a"])
    wanted = reference.Encoder(ours.FP32, threads=2).encode_files(pictures)
    found = {head: reference.cosines(rows[head, "images"], wanted[head]) for head in wanted}
    numbers = {head: {"min": float(values.min()), "mean": float(values.mean()),
                      "worst": str(pictures[int(values.argmin())])} for head, values in found.items()}
    figure = ", ".join(f"{head} min {n['min']:.7f} mean {n['mean']:.7f}" for head, n in numbers.items())
    return claims.Finding(all(n["min"] >= COSINE_WANTED for n in numbers.values()), figure, numbers)


def same_bits(context, encoder):
    pictures, texts = drawn_stamps(context), drawn_texts(context)
    first, differing = None, []
    for batch, threads in [*WAYS, WAYS[0]]:  # each is a process of its own; the last repeats the first: a restart
        rows = encode(encoder, pictures, texts, batch, threads)
        first = first or rows
        for key, wanted in first.items():
            unlike = int((rows[key].view("u4") != wanted.view("u4")).any(axis=1).sum())
            if unlike or rows[key].shape != wanted.shape:
                differing.append(f"{key[0]} {key[1]} at batch {batch}, {threads} threads: {unlike} rows of {len(wanted)}")
    kinds = sorted({kind for _, kind in first})
    figure = (f"{len(pictures)} pictures and {len(texts)} texts ({' and '.join(kinds)}, {len(first)} outputs) at batch "
              f"1, 7, 32, threads 1, 2 and after restart: " + (f"differ: {differing[0]}" if differing else "the same bits"))
    return claims.Finding(not differing and kinds == ["images", "texts"], figure, {"differing": differing})


for name in (ours.FP32, ours.INT8):
    claims.claim(f"same-bits-{name}", "image and text vectors bit-equal at batch 1, 7, 32, threads 1, 2, after restart")(
        lambda context, name=name: same_bits(context, name))


@claims.claim("same-bits-stored", "what `index` stored and a later process exports is bit-equal to the encoder's output")
def stored_bits(context):
    with ours.fresh_folder() as folder:
        work = pathlib.Path(folder)
        files = ingest.lay_out(drawn_stamps(context), work / "files")
        _, _ = ours.index(work / "data", [work / "files"])
        rows = encode(ours.FP32, files, [])
        unlike = {}
        for head, kind in rows:
            ids, stored = ours.exported(work / "data", head)
            at = {pathlib.PurePath(identity).name: row for row, identity in enumerate(ids)}
            stored = stored[[at[path.name] for path in files]]
            unlike[head] = int((stored.view("u4") != rows[head, kind].view("u4")).any(axis=1).sum())
    total = sum(unlike.values())
    return claims.Finding(total == 0, f"{total} of {len(files) * len(unlike)} vectors differ", {"differing": unlike})
