"""Claims: what a query costs grows slower than the set."""
import claims
from index_house import bench, claim

BOUND = 0.4


@claim("growth", f"exponent of a query's cost against N, from 10,000 to 1,000,000 at recall >= .98: <= {BOUND}, distances and CPU time")
def growth(context):
    found = bench(context, "ann_growth.py")
    first, last = found["rows"][0], found["rows"][-1]
    worst = max(found["exponents"].values())
    text = (f"distances {found['exponents']['distances']:.2f}, CPU time {found['exponents']['cpu_us']:.2f}, from {first['count']:,} to "
            f"{last['count']:,} vectors at recall {found['recall']} ({first['distances']:,.0f} to {last['distances']:,.0f} distances)")
    return claims.Finding(worst <= BOUND and found["recall"] >= 0.98, text, found)
