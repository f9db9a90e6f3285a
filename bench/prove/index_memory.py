"""Claims: with half and a quarter of the memory that faiss's HNSW needs, page cache included, by a control group."""
import ann_group
import claims
from index_house import MIB, bench, claim, sized
from index_speed import SETS, compared


def limited(context, data, share, bound):
    try:
        with ann_group.Group(64 * MIB):
            pass
    except ann_group.NoGroup as none:
        return claims.Finding(False, f"could not be tried: {none}", {"no_group": str(none)})
    found = bench(context, "ann_memory.py", "--set", data)
    group = next(one for one in found["groups"] if one["share"] == share)
    if group.get("ended"):
        return claims.Finding(False, sized(f"does not run in {group['limit_bytes'] / MIB:,.1f} MiB: the kernel ended it",
                                           context.options.scale, data), {"group": group})
    ratio, text, numbers = compared(group["sides"], 0.99)
    peak = group["use"]["peak"]
    within = peak is not None and peak <= group["limit_bytes"]
    text += (f"; limit {group['limit_bytes'] / MIB:,.0f} MiB of the {found['faiss_bytes'] / MIB:,.0f} that faiss's index has, held at most "
             f"{(peak or 0) / MIB:,.0f}, {group['use']['cache'] / MIB:,.0f} of it page cache")
    return claims.Finding(ratio >= bound and within, sized(text, context.options.scale, data), {**numbers, "group": group})


for short, data_set in SETS.items():
    for label, share, at_least in (("half", 0.5, 2.0), ("quarter", 0.25, 1.0)):
        claim(f"memory-{label}-{short}", f"with 1/{round(1 / share)} of the memory of faiss's HNSW, page cache included: >= {at_least:.0f} x its "
              "queries a second at recall@10 of 0.99, one thread")(
            lambda context, name=data_set, share=share, at_least=at_least: limited(context, name, share, at_least))
