"""Claim: exact search, one query at a time, is not slower than faiss's IndexFlatIP."""
import json
import sys

import claims
import common

WANTED = 1.0


@claims.claim("search-exact", f">= {WANTED:.0f} x faiss IndexFlatIP, one query at a time, 100,000 x 512")
def exact_search(context):
    script = common.need(common.ROOT / "bench" / "macro" / "search.py", "the comparison of search")
    out = common.scratch() / "search.json"
    common.run([sys.executable, script, "--seed", context.seed % 2**31, "--out", out],
               env={"PICTOR_BUILD": str(common.BUILD)}).must(0, 1)  # 1: other answers, judged below
    found = json.loads(out.read_text())
    return claims.Finding(found["ratio"] >= WANTED and found["same"], found["figure"], found)
