"""Claims: the patch tokens that a collection keeps are those that the encoder makes, within what their format rounds."""

import claims
import ingest
import numpy
from encoders_house import CLIP, claim, drawn_pictures, house
from line_encoder import encode as vectors_of

PICTURES = 20
# One whose vector comes from the output of the tokens, and one where the network gets an output more.
ENCODERS = ("vit", CLIP)


def read(home, collection, name):
    """docs/formats/tokens.md."""
    out = home.folder / "tokens"
    home.must("get", name, "--collection", collection, "--tokens", out, "--force")
    head = numpy.fromfile(out, "<u4", 8)
    return numpy.fromfile(out, "<f4", offset=32).reshape(head[3:6])


def rounded_f16(tokens):
    return tokens.astype(numpy.float16).astype(numpy.float32)


def wrong_f16(kept, made):
    """Rounded to nearest, ties to even: that and nothing else."""
    return int((kept.view("u4") != rounded_f16(made).view("u4")).sum())


def wrong_int8(kept, made):
    """At most half a step off, where a token's step is its largest number / 127 (and the f32 that holds it rounds)."""
    step = numpy.abs(made).max(axis=-1, keepdims=True) / 127
    return int((numpy.abs(kept - made) > step * (0.5 + 1e-4)).sum())


def tokens_of(context, home, encoder, codec, wrong):
    files = ingest.lay_out(drawn_pictures(context, "tokens", PICTURES), home.folder / "files")
    for name, extra in ((f"{encoder}-{codec}", ("--tokens", codec)), (f"{encoder}-plain", ())):
        home.index(files[0].parent, encoder, name, extra=extra)
    rows = vectors_of(encoder, files, [], encoders=home.encoders, tokens=True)
    made = rows.pop("tokens").reshape(len(files), -1)
    off, places, apart = 0, 0, 0.0
    for path, own in zip(files, made):
        kept = read(home, f"{encoder}-{codec}", path.name)
        own = own.reshape(kept.shape)
        off, places = off + wrong(kept, own), places + kept.size
        apart = max(apart, float(numpy.abs(kept - own).max() / numpy.abs(own).max()))
    unlike = 0
    for head, _ in rows:
        with_tokens, without = (home.exported(f"{encoder}-{name}", head) for name in (codec, "plain"))
        unlike += int((with_tokens.view("u4") != without.view("u4")).any(axis=1).sum())
    return {"off": off, "numbers": places, "apart": apart, "vectors_unlike": unlike, "shape": list(kept.shape)}


def kept_tokens(context, codec, wrong):
    found = {}
    with house() as home:
        for encoder in ENCODERS:
            home.add(encoder, encoder)
            found[encoder] = tokens_of(context, home, encoder, codec, wrong)
    holds = all(one["off"] == 0 and one["vectors_unlike"] == 0 and one["numbers"] > 0 for one in found.values())
    figure = "; ".join(f"{name}: {one['numbers'] - one['off']} of {one['numbers']} numbers, at most {one['apart']:.2g} of the "
                       f"largest off, {one['vectors_unlike']} vectors moved" for name, one in found.items())
    return claims.Finding(holds, figure, found)


claim("tokens-f16", f"patch tokens of {PICTURES} drawn pictures: the encoder's own, rounded to nearest; vectors as without")(
    lambda context: kept_tokens(context, "f16", wrong_f16))
claim("tokens-int8", f"patch tokens of {PICTURES} drawn pictures: at most half a step of their scale off; vectors as without")(
    lambda context: kept_tokens(context, "int8", wrong_int8))
