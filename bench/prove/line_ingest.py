"""Claims: pictures per second, decode to durable, beside the tuned Python stack, and int8 beside fp32."""
import claims
import common
import ingest
import ours

WANTED = {("stamps", "peer"): 1.2, ("photos", "peer"): 1.2, ("stamps", "int8"): 1.7, ("photos", "int8"): 2.5}
COSINE_WANTED = 0.9999


def measured(context, name):
    def measure():
        ours.program()
        files = ingest.stamp_files() if name == "stamps" else ingest.photo_files(context.options.photos)
        found = ingest.measure(name, files, rounds=context.options.rounds, say=claims.say)
        ingest.show(name, found, claims.say)
        return found
    found = context.once(f"ingest/{name}", measure)
    both = [context.kept[f"ingest/{key}"] for key in ("stamps", "photos") if f"ingest/{key}" in context.kept]
    if len(both) == 2 and not any(error for _, error in both):
        common.write_result("ingest", {"sets": {"stamps": both[0][0], "photos": both[1][0]}})
    return found


def against_peer(context, name):
    found = measured(context, name)
    ratio, figures = found["ratio_to_peer"][ours.FP32], found["figures"]
    mine, peer = figures[ours.FP32], figures[ingest.PEER]
    figure = (f"{ratio['of_medians']:.2f} x of medians, pairs {common.text_of(ratio['pairwise'])}; "
              f"{mine['rate']['median']:.1f} against {peer['rate']['median']:.1f} images/s, "
              f"{mine['cpu_per_1000']['median']:.1f} against {peer['cpu_per_1000']['median']:.1f} core-seconds per 1000, "
              f"{found['pictures']} pictures, {found['rounds']} rounds")
    return claims.Finding(ratio["of_medians"] >= WANTED[name, "peer"], figure, found)


def int8_against_fp32(context, name):
    found = measured(context, name)
    ratio = found["ratio_to_fp32"][ours.INT8]
    rates = [found["figures"][key]["rate"]["median"] for key in (ours.INT8, ours.FP32)]
    share = [found["decode_share"][key]["median"] for key in (ours.INT8, ours.FP32)]
    figure = (f"{ratio['of_medians']:.2f} x of medians, pairs {common.text_of(ratio['pairwise'])}; {rates[0]:.1f} against "
              f"{rates[1]:.1f} images/s; decoding is {share[0]:.1%} of the work in int8, {share[1]:.1%} in fp32")
    return claims.Finding(ratio["of_medians"] >= WANTED[name, "int8"], figure, ratio)


def same_vectors(context, name):
    found = measured(context, name)["cosine_to_peer"]
    figure = ", ".join(f"{key} min {n['min']:.6f} mean {n['mean']:.6f}" for key, n in found.items())
    return claims.Finding(found[ours.FP32]["min"] >= COSINE_WANTED, figure, found)


for key in ("stamps", "photos"):
    kind = {"stamps": "stamps (PNG)", "photos": "camera-size JPEGs"}[key]
    claims.claim(f"ingest-{key}-fp32", f">= {WANTED[key, 'peer']} x the Python stack at its best, {kind}")(
        lambda context, key=key: against_peer(context, key))
    claims.claim(f"ingest-{key}-int8", f">= {WANTED[key, 'int8']} x own fp32, {kind}")(
        lambda context, key=key: int8_against_fp32(context, key))
    claims.claim(f"ingest-{key}-cosine", f"fp32 min >= {COSINE_WANTED} between the two stacks' vectors, {kind}")(
        lambda context, key=key: same_vectors(context, key))
