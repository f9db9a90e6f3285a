#!/usr/bin/env python3
"""What trec_eval says of a drawn run, for src/measure/trec_test.cpp: writes tests/golden/trec. Needs pytrec_eval (trec_eval
itself, `pip install pytrec-eval-terrier`), which the tests do not. Usage: trec_values.py FOLDER

The run has ties, scores that only differ past 32 bits, grades of -1 to 3, items that nobody judged, a query without
judgements, one without relevant items and one that the run does not have."""
import json
import pathlib
import random
import sys

import pytrec_eval

random.seed(20)
folder = pathlib.Path(sys.argv[1])
items = [f"photos/{number}.jpg" for number in range(80)]
qrels = {f"q{number}": {item: random.choice([-1, 0, 0, 0, 1, 1, 2, 3]) for item in random.sample(items, 25)}
         for number in range(1, 25)}
qrels["q7"] = {item: 0 for item in items[:5]}
run = {}
for number in [*range(1, 24), 99]:  # q24 is not answered, nobody judged q99
    score = lambda: random.choice([random.random(), round(random.random(), 1), 0.5 + random.random() * 1e-9])
    run[f"q{number}"] = {item: score() for item in random.sample(items, random.choice([3, 20, 60]))}

cuts = ",".join(str(k) for k in (1, 3, 10, 50))
wanted = {f"{name}.{cuts}" for name in ("recall", "P", "success", "map_cut", "ndcg_cut")} | {"map", "ndcg", "recip_rank"}
ours = {"recall": "R", "P": "P", "success": "hit", "map_cut": "mAP", "ndcg_cut": "nDCG", "map": "mAP", "ndcg": "nDCG",
        "recip_rank": "MRR"}


def renamed(name):
    head, _, cut = name.rpartition("_")
    return f"{ours[head]}@{cut}" if cut.isdigit() else ours[name]


values = {}
for least in (1, 2):
    scored = pytrec_eval.RelevanceEvaluator(qrels, wanted, relevance_level=least).evaluate(run)
    values[str(least)] = {query: {renamed(name): value for name, value in one.items()} for query, one in scored.items()}
folder.mkdir(parents=True, exist_ok=True)
(folder / "qrels").write_text("".join(f"{q} 0 {i} {g}\n" for q, grades in qrels.items() for i, g in grades.items()))
(folder / "run").write_text("".join(f"{q} Q0 {i} 0 {s!r} drawn\n" for q, one in run.items() for i, s in one.items()))
(folder / "values.json").write_text(json.dumps(values, indent=1) + "\n")
