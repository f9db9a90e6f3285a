"""Claims: the fingerprint that `pictor encoder fingerprint` keeps is that of any batch, threads, load and process."""
import claims
import ours
from encoders_house import CLIP, claim, house, quantized

# Encoders, inputs of a kind, batch sizes from 1 on. A small network can be asked for all that users get; those that come
# with Pictor are asked for fewer inputs here, since the claims bits-* take them through every batch.
SCALES = {"imported": ((CLIP, f"{CLIP}-int8"), 200, 16), "shipped": ((ours.FP32, ours.INT8), 24, 8)}
WAYS = ((1, 0), (2, 2))  # threads, and other threads that use the encoder meanwhile; each is a process


def kept(home, encoder, count, threads, *extra):
    report = home.json("encoder", "fingerprint", encoder, "--count", count, "--threads", threads, *extra)
    return {(one["head"], one["of"]): (one["sha256"], one["state"]) for one in report["fingerprints"]}


def departures(home, encoder, count, batches):
    """What is not the first process's fingerprint, and how many embeddings were hashed."""
    generated, sizes = f"generated:{count}", ",".join(str(batch) for batch in range(1, batches + 1))
    first, unlike, embeddings = kept(home, encoder, count, 2), [], 0
    for threads in (1, 2):
        unlike += [f"{encoder} {key} with {threads} threads: {value}" for key, value in
                   kept(home, encoder, count, threads, "--check").items() if value != (first[key][0], "equal")]
    for threads, load in WAYS:
        _, *lines = home.tool("same_bits", encoder, threads, load, sizes, generated, generated)
        for head, kind, batch, vectors, digest in lines:
            embeddings += int(vectors)
            if digest != first[head, kind][0]:
                unlike.append(f"{encoder} {head} {kind} at batch {batch}, {threads} threads, load {load}")
    return unlike, embeddings, first


def fingerprints(context, which):
    encoders, count, batches = SCALES[which]
    unlike, embeddings, found = [], 0, {}
    with house() as home:
        if which == "imported":
            home.add()
            quantized(context, home, CLIP, images=64)
        else:
            home.own_weights(encoders)
        for encoder in encoders:
            apart, hashed, first = departures(home, encoder, count, batches)
            unlike, embeddings = unlike + apart, embeddings + hashed
            found[encoder] = {" ".join(key): digest for key, (digest, _) in first.items()}
    figure = (f"{', '.join(encoders)}: --count {count} at 1 and 2 threads and after restart, {embeddings} embeddings of the same "
              f"inputs at batch 1 to {batches}, 1 and 2 threads, load: " + (unlike[0] if unlike else "one hash a head"))
    return claims.Finding(not unlike and all(found.values()), figure, {"unlike": unlike, "fingerprints": found})


for scale in SCALES:
    claim(f"fingerprints-{scale}", "`pictor encoder fingerprint`: one hash a head over batch, threads, restart and load")(
        lambda context, which=scale: fingerprints(context, which))


@claim("fingerprints-spoiled", "a kept fingerprint with a changed digit, and other weights under the same name, do not pass")
def spoiled(context):
    random, passed, said = context.random("fingerprint"), [], ""
    with house() as home:
        home.add()
        kept(home, CLIP, 24, 2)
        path = home.encoders / CLIP / "fingerprints.json"
        text = path.read_text()
        digits = [at for at in range(len(text)) if text[at - 11:at].endswith('"sha256": "')]
        for _ in range(5):
            at = random.choice(digits) + random.randrange(64)
            path.write_text(text[:at] + random.choice([digit for digit in "0123456789abcdef" if digit != text[at]]) + text[at + 1:])
            went = home.call("encoder", "verify", CLIP, "--fingerprint", "--count", 24)
            said = went.err
            passed += [at] if went.status != 12 else []
    return claims.Finding(not passed and bool(digits), f"5 of 5 refused: {said[:120]}" if not passed else f"{len(passed)} passed",
                          {"passed": passed})
