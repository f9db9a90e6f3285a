"""Claim: callers who ask at once get the bits that each would get alone."""
import claims
import ours
from encoders_house import CLIP, claim, drawn_pictures, drawn_texts, house

CALLERS, ROUNDS = 8, {CLIP: 60, ours.FP32: 12, ours.INT8: 24}
PICTURES, TEXTS = 16, 16


@claim("batcher", f"{CALLERS} callers at once, of the engine and of its batcher with both priorities: the bits of each alone")
def batcher(context):
    found = {}
    with house() as home:
        home.add()
        pictures = home.listed("pictures", drawn_pictures(context, "batcher", PICTURES))
        texts = home.listed("texts", drawn_texts(context, "batcher", TEXTS))
        for encoder, rounds in ROUNDS.items():
            lines = home.tool("batcher_bits", home.data, encoder, CALLERS, rounds, context.seed, pictures, texts)
            found[encoder] = {words[0]: words[1:] for words in lines}
    counts = {encoder: [int(count) for way in ("engine", "batcher") for count in one[way]] for encoder, one in found.items()}
    whole = all(asked == equal and asked >= CALLERS * ROUNDS[encoder] for encoder, numbers in counts.items()
                for asked, equal in (numbers[:2], numbers[2:]))
    odd = [" ".join(one["first"]) for one in found.values() if "first" in one]
    figure = ", ".join(f"{encoder} {n[1] + n[3]} of {n[0] + n[2]} answers" for encoder, n in counts.items())
    return claims.Finding(whole, figure + (f"; first that differs: {odd[0]}" if odd else ""), found)
