#!/usr/bin/env python3
"""Tests of the claims about load: each holds on what is right, and fails when what it measures is bent. The bench is not run here."""
import argparse
import copy
import pathlib
import sys
import unittest
import unittest.mock

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "macro")]
import claims  # noqa: E402
import server_load  # noqa: E402

MUST_BE_SHOWN = ("latency-text", "latency-image", "latency-id", "throughput-fp32", "throughput-int8", "soak", "rate-a-day")


def took(p99):
    return {"n": 1200, "p50_ms": p99 / 3, "p90_ms": p99 / 2, "p99_ms": p99, "max_ms": 2 * p99}


def latencies(text=99.0, image=149.0, stored=19.0, recall=0.98, faults=None):
    ours = {"text": took(text), "image": took(image), "id": took(stored), "put": took(60.0)}
    return {"rows": 200_000, "latency": {"ours": ours, "peer": {name: took(80.0) for name in ours}, "faults": faults or {},
                                         "recall": {"text": recall, "image": 0.99, "id": 1.0}}}


def rates(judged=3.0, other=9.0, within=True, recall=0.985, against="fp32"):
    side = {"per_second": {"median": 100.0}, "p99_ms": {"median": 70.0}}
    names = {server_load.JUDGED: judged, "another": other}
    every = dict.fromkeys(("text", "image", "id"), recall)
    return {"rows": 1_000_000, f"throughput-{against}": {
        "times": names, "sides": {"peer": side, **{name: side for name in names}}, "within": {server_load.JUDGED: within, "another": True},
        "overlap": {server_load.JUDGED: every}, "recall": {server_load.JUDGED: every}}}


def soaked(growth=0.05, rate=11.6, **bent):
    memory = {"growth": growth, "at_a_quarter": 2**30, "at_the_end": 2**30, "largest": 2**30, "samples": []}
    return {"rows": 200_000, "soak": {
        "seconds": 300.0, "full_seconds": 1200, "rss": memory, "anon": memory, "wrong": {}, "lost": [], "returned": [], "deleted": 5, "there": 7,
        "count": 12, "count_wanted": [12, 13], "refused_429": 3, "restart_seconds": 0.4, "per_second": {"text": rate}, "all_per_second": rate,
        "a_day": 86_400 * rate, **bent}}


def judged(name, found):
    one = next(one for one in claims.REGISTER["server"] if one.name == name)
    with unittest.mock.patch.object(server_load, "bench", lambda *_: copy.deepcopy(found)):
        return claims.judge(one, claims.Context(7, argparse.Namespace(scale="hour")))


class Listed(unittest.TestCase):
    def test_every_line_of_the_issue_is_a_claim_with_a_bound(self):
        names = [one.name for one in claims.REGISTER["server"]]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(set(MUST_BE_SHOWN) - set(names), set())


class Latency(unittest.TestCase):
    def test_below_the_bound_holds_and_at_it_fails(self):
        for name, kind, bound in (("latency-text", "text", 100.0), ("latency-image", "image", 150.0), ("latency-id", "stored", 20.0)):
            self.assertEqual(judged(name, latencies()).verdict, claims.PASS)
            self.assertEqual(judged(name, latencies(**{kind: bound})).verdict, claims.FAIL)

    def test_a_recall_that_is_too_low_fails_the_class_that_has_it(self):
        self.assertEqual(judged("latency-text", latencies(recall=0.979)).verdict, claims.FAIL)
        self.assertEqual(judged("latency-image", latencies(recall=0.979)).verdict, claims.PASS)

    def test_a_request_of_ours_that_failed_fails_it_and_one_of_the_other_service_does_not(self):
        self.assertEqual(judged("latency-id", latencies(faults={"ours put": {"500": 1}})).verdict, claims.FAIL)
        self.assertEqual(judged("latency-id", latencies(faults={"peer put": {"500": 1}})).verdict, claims.PASS)

    def test_it_is_judged_where_the_python_service_was_not_measured(self):
        found = latencies()
        del found["latency"]["peer"]
        self.assertEqual(judged("latency-id", found).verdict, claims.PASS)
        self.assertNotIn("Python", judged("latency-id", found).line().split("(wanted")[0])
        self.assertIn("Python service 80.0", judged("latency-id", latencies()).line())

    def test_a_run_of_an_hour_asks_for_a_million_items_alone(self):
        for scale, words in (("hour", ("--part", "latency", "--alone")), ("small", ("--part", "latency"))):
            with unittest.mock.patch.object(server_load, "bench", return_value=latencies()) as bench:
                one = next(one for one in claims.REGISTER["server"] if one.name == "latency-id")
                claims.judge(one, claims.Context(7, argparse.Namespace(scale=scale)))
            self.assertEqual(bench.call_args.args[1:], words)

    def test_the_number_of_items_stands_in_the_line(self):
        self.assertIn("200,000 items, a part of 1,000,000", judged("latency-text", latencies()).line())


class Throughput(unittest.TestCase):
    def test_the_bound_is_of_the_encoder_that_is_judged(self):
        for against, bound in (("fp32", 3.0), ("int8", 1.5)):
            self.assertEqual(judged(f"throughput-{against}", rates(bound, against=against)).verdict, claims.PASS)
            self.assertEqual(judged(f"throughput-{against}", rates(bound - 0.01, against=against)).verdict, claims.FAIL)

    def test_a_rate_past_the_p99_or_below_the_recall_is_none(self):
        self.assertEqual(judged("throughput-fp32", rates(within=False)).verdict, claims.FAIL)
        self.assertEqual(judged("throughput-fp32", rates(recall=0.97)).verdict, claims.FAIL)


class Soak(unittest.TestCase):
    def test_it_holds_only_when_nothing_grew_failed_was_lost_or_came_back(self):
        self.assertEqual(judged("soak", soaked()).verdict, claims.PASS)
        self.assertIn("5 minutes of 20", judged("soak", soaked()).line())
        for bent in ({"growth": 0.051}, {"wrong": {"put 500": 1}}, {"lost": [1]}, {"returned": [1]}, {"count": 11}):
            self.assertEqual(judged("soak", soaked(**bent)).verdict, claims.FAIL, bent)

    def test_a_million_a_day_is_eleven_point_six_a_second(self):
        self.assertEqual(judged("rate-a-day", soaked()).verdict, claims.PASS)
        self.assertEqual(judged("rate-a-day", soaked(rate=11.5)).verdict, claims.FAIL)
        self.assertEqual(judged("rate-a-day", soaked(wrong={"text 500": 1})).verdict, claims.FAIL)


if __name__ == "__main__":
    unittest.main()
