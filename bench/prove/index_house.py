"""What the claims about indexes share: the benches as processes, the scale of a run, and what is not built yet."""
import json
import sys

import ann_data
import claims
import common

MIB = 2**20


def claim(name, wanted):
    """A claim about indexes; what the product has not yet is a FAIL that says so, never a line left out."""
    return claims.claim(name, wanted, what="index")


def not_built(name, wanted, what):
    """Registers a claim whose product side is not there: its line stands, and fails, until somebody replaces this."""
    claim(name, wanted)(lambda _: claims.Finding(False, f"not built: {what}", {"not_built": what}))


def sized(text, scale, name):
    """The figure with the size that it was measured at."""
    rows, whole = ann_data.SCALES[scale][name], ann_data.WHOLE[name]
    return f"{text}; at {rows:,} vectors of {name}" + ("" if rows >= whole else f", a part of {whole:,}")


def bench(context, script, *words, statuses=(0,)):
    """What a bench of indexes writes, measured once a run; its own word on what is missing is kept."""
    scale, seed, rounds = context.options.scale, context.seed % 2**31, context.options.rounds

    def measure():
        path = common.need(common.ROOT / "bench" / "macro" / script, "the bench itself")
        out = common.scratch() / f"{path.stem}-{'-'.join(map(str, words)) or 'all'}.json"
        out.unlink(missing_ok=True)
        claims.say(f"{script} {' '.join(map(str, words))}, scale {scale}")
        extra = [] if script in ("ann_filters.py", "ann_writers.py", "ann_ten_million.py") else ["--rounds", rounds]
        went = common.run([sys.executable, path, "--scale", scale, "--seed", seed, *extra, *words, "--out", out],
                          env={"PICTOR_BUILD": str(common.BUILD)}, timeout=4 * 3600)
        if went.status == common.EXIT_SKIPPED:
            raise common.Missing(went.err.strip()[-400:])
        went.must(*statuses)
        return json.loads(out.read_text())
    return context.once(f"{script} {words}", measure)
