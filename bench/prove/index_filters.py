"""Claims: under filters the recall that was asked for is kept, and a search is never much dearer than it must be."""
import claims
from index_house import bench, claim, sized

SET, SLACK = "clustered", 0.005


def measured(context):
    return bench(context, "ann_filters.py", "--set", SET, statuses=(0, 1))


def named(cell):
    return f"{cell['kind']} {cell['share']:.2%}"


def recall_kept(found, deleted):
    """Does the worst cell's lower bound keep to what was asked? Every share and kind must be there."""
    cells = [cell for cell in found["cells"] if cell["deleted"] == deleted]
    if len({(cell["kind"], cell["share"]) for cell in cells}) < 15:
        raise RuntimeError(f"{len(cells)} cells were measured, wanted 5 shares of 3 kinds")
    worst = min(cells, key=lambda cell: cell["lower"])
    text = (f"worst cell {named(worst)}: recall {worst['recall']:.4f}, lower bound {worst['lower']:.4f}; asked {found['asked']}, "
            f"{found['queries']:,} queries a cell")
    return worst["lower"] >= found["asked"] - SLACK, text


def kept(context, deleted):
    found = measured(context)
    holds, text = recall_kept(found, deleted)
    return claims.Finding(holds, sized(text, context.options.scale, SET), found)


for label, half, said in (("recall", 0, ""), ("recall-deletes", 0.5, ", after 50 % of the rows were deleted")):
    claim(f"filters-{label}", f"lower 95 % bound of mean recall >= asked - {SLACK} at 50, 10, 1, 0.1 and 0.01 %, for random, correlated and "
          f"anti-correlated filters{said}; the worst cell is shown")(lambda context, half=half: kept(context, half))


@claim("filters-recall-writers", f"lower 95 % bound of mean recall >= asked - {SLACK} at every share and correlation with 4 writers at work")
def beside_writers(context):
    found = bench(context, "ann_writers.py", "--set", SET, statuses=(0, 1))
    holds, text = recall_kept({**found, "cells": [{**cell, "deleted": 0} for cell in found["cells"]]}, 0)
    text += f"; {found['writers']} writers made {found['commits']:,} batches meanwhile"
    busy = found["writers"] >= 4 and found["commits"] > 0
    return claims.Finding(holds and busy, sized(text, context.options.scale, SET), found)


def worst_ratio(found, share, other):
    """(ratio, cell): our median over another one's, in the kind where it is largest."""
    cells = [cell for cell in found["cells"] if cell["share"] == share and cell["deleted"] == 0]
    return max(((cell["ours_us"] / other(cell), cell) for cell in cells), key=lambda pair: pair[0])


def in_each(found, share, other):
    """The ratio in each kind, for the line."""
    return ", ".join(f"{cell['kind']} {cell['ours_us'] / other(cell):.2f}" for cell in found["cells"]
                     if cell["share"] == share and cell["deleted"] == 0)


def fastest_scan(cell):
    return min(cell["flat_us"], cell["faiss_us"])


def without_filter(cell):
    return cell["unfiltered_us"]


def quick(context, share):
    found = measured(context)
    ratio, cell = worst_ratio(found, share, fastest_scan)
    text = (f"{ratio:.2f} x ({in_each(found, share, fastest_scan)}): {cell['ours_us']:.0f} us against {cell['flat_us']:.0f} us of our scan and "
            f"{cell['faiss_us']:.0f} us of faiss's; {cell['exact']:.0%} answered exactly")
    return claims.Finding(ratio <= 0.5, sized(text, context.options.scale, SET), {"ratio": ratio, "cell": cell})


for part, percent in ((0.01, "1"), (0.1, "10")):
    claim(f"filters-speed-{percent}", f"at {percent} %: p50 <= 1/2 of the faster of two masked exact scans, ours and faiss's, in the worst kind")(
        lambda context, part=part: quick(context, part))


@claim("filters-speed-50", "at 50 %: p50 <= 2 x that of the same queries without a filter, in the worst kind")
def half_allowed(context):
    found = measured(context)
    ratio, cell = worst_ratio(found, 0.5, without_filter)
    text = f"{ratio:.2f} x ({in_each(found, 0.5, without_filter)}): {cell['ours_us']:.0f} us against {cell['unfiltered_us']:.0f} us"
    return claims.Finding(ratio <= 2.0, sized(text, context.options.scale, SET), {"ratio": ratio, "cell": cell})
