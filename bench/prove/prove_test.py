#!/usr/bin/env python3
"""Tests of the machinery of proofs: a proof is worth something only if it can fail. Needs the standard library alone."""
import argparse
import json
import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import claims
import common
import line_durability

# From the compiler's scratch, so that a test never writes into the committed results.
common.RESULTS = pathlib.Path(tempfile.mkdtemp(prefix="pictor-prove-"))


def judged(measure, wanted=">= 1"):
    return claims.judge(claims.Claim("thing", wanted, measure), claims.Context(7, argparse.Namespace()))


def raises(error):
    def measure(_):
        raise error
    return measure


class Judging(unittest.TestCase):
    def test_a_claim_that_holds_passes_in_one_line(self):
        verdict = judged(lambda _: claims.Finding(True, "1.20 x"))
        self.assertEqual(verdict.line(), "PASS thing: 1.20 x (wanted >= 1)")
        self.assertEqual(claims.exit_status([verdict]), 0)

    def test_a_claim_that_does_not_hold_fails_and_so_does_the_run(self):
        verdicts = [judged(lambda _: claims.Finding(True, "2")), judged(lambda _: claims.Finding(False, "0.8"))]
        self.assertEqual(verdicts[1].line(), "FAIL thing: 0.8 (wanted >= 1)")
        self.assertEqual(claims.exit_status(verdicts), 1)

    def test_a_measurement_that_breaks_fails_with_its_error_in_one_line(self):
        verdict = judged(raises(RuntimeError("first\nsecond")))
        self.assertEqual(verdict.line(), "FAIL thing: RuntimeError: first second (wanted >= 1)")
        self.assertIn("Traceback", verdict.numbers["traceback"])

    def test_what_is_missing_is_skipped_and_fails_only_a_strict_run(self):
        verdict = judged(raises(common.Missing("no weights: run make setup")))
        self.assertEqual(verdict.line(), "SKIP thing: no weights: run make setup (wanted >= 1)")
        self.assertEqual(claims.exit_status([verdict]), 0)
        self.assertEqual(claims.exit_status([verdict], strict=True), 1)

    def test_a_run_without_claims_proves_nothing(self):
        self.assertEqual(claims.exit_status([]), 1)

    def test_one_measurement_serves_many_claims_and_its_failure_fails_each(self):
        context, calls = claims.Context(7, argparse.Namespace()), []

        def broken():
            calls.append(1)
            raise ValueError("no")
        for _ in range(2):
            with self.assertRaises(ValueError):
                context.once("key", broken)
        self.assertEqual(len(calls), 1)

    def test_a_purpose_draws_the_same_numbers_whichever_claims_run_and_others_at_another_seed(self):
        draws = [claims.Context(seed, None).random("pixels").random() for seed in (7, 7, 8)]
        self.assertEqual(draws[0], draws[1])
        self.assertNotEqual(draws[0], draws[2])


class Reports(unittest.TestCase):
    def test_how_a_test_ended_is_read_from_the_report_of_ctest(self):
        report = """    Start 14: crash_test
 1/4 Test #14: crash_test .......................   Passed    8.63 sec
 2/4 Test  #3: db_test ..........................***Failed    0.90 sec
 3/4 Test  #4: slow_test ........................***Timeout 300.01 sec
 4/4 Test  #5: encode_test ......................***Skipped   0.01 sec"""
        self.assertEqual(line_durability.parse_ctest(report), [
            ("crash_test", "Passed"), ("db_test", "***Failed"), ("slow_test", "***Timeout"), ("encode_test", "***Skipped")])


class Measuring(unittest.TestCase):
    def test_a_child_is_measured_alone(self):
        hungry = "x = bytearray(200 << 20); [len(x) for _ in range(10)]"
        self.assertGreater(common.run([sys.executable, "-c", hungry]).rss_bytes, 200 << 20)
        self.assertLess(common.run([sys.executable, "-c", "pass"]).rss_bytes, 100 << 20)

    def test_a_child_is_not_charged_with_the_memory_of_a_large_parent(self):
        large = bytearray(300 << 20)
        self.assertLess(common.run([sys.executable, "-c", "import time; time.sleep(0.2)"]).rss_bytes, 100 << 20)
        self.assertEqual(len(large), 300 << 20)

    def test_a_child_that_ends_badly_is_told_with_its_words(self):
        went = common.run([sys.executable, "-c", "import sys; sys.exit('what went wrong')"])
        with self.assertRaisesRegex(RuntimeError, "status 1: what went wrong"):
            went.must(0)

    def test_a_child_that_hangs_is_ended_with_all_it_started(self):
        went = common.run(["sh", "-c", "sleep 600 & wait"], timeout=0.3)
        self.assertTrue(went.timed_out)
        self.assertLess(went.wall, 60)

    def test_cpu_seconds_count_living_and_ended_children(self):
        before = common.own_cpu_seconds()
        common.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.4: pass"])
        self.assertGreater(common.own_cpu_seconds() - before, 0.35)

    def test_a_result_says_when_where_and_of_which_commit(self):
        written = json.loads(common.write_result("test", {"figure": 1}).read_text())
        self.assertLessEqual({"measured", "machine", "commit", "figure"}, set(written))
        self.assertNotIn(os.uname().nodename, json.dumps(written))

    def test_a_spread_is_of_all_rounds(self):
        self.assertEqual(common.spread([3, 1, 2]), {"min": 1, "median": 2, "max": 3, "n": 3})


if __name__ == "__main__":
    unittest.main()
