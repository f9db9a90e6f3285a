#!/usr/bin/env python3
"""Tests of the claims about indexes: each holds on what is right, and fails when what it measures is bent.

The benches are not run here: what they would write is given. Needs the Python environment of bench/."""
import argparse
import copy
import pathlib
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "macro")]
import common  # noqa: E402

common.enter_venv("numpy")
import ann_group  # noqa: E402
import claims  # noqa: E402
import index  # noqa: E402,F401
import index_filters  # noqa: E402
import index_growth  # noqa: E402
import index_memory  # noqa: E402
import index_speed  # noqa: E402
import index_store  # noqa: E402
import index_ten_million  # noqa: E402

MUST_BE_SHOWN = (
    "speed-fashion-99", "speed-fashion-95", "speed-fashion-999", "speed-embeddings-99", "speed-embeddings-95", "speed-embeddings-999",
    "build-fashion", "build-fashion-rival", "build-embeddings", "memory-half-fashion", "memory-half-embeddings", "memory-quarter-fashion",
    "memory-quarter-embeddings", "ten-million-build", "ten-million-recall", "ten-million-open", "ten-million-first",
    "ten-million-memory", "filters-recall", "filters-recall-deletes", "filters-recall-writers",
    "filters-speed-1", "filters-speed-10", "filters-speed-50", "recall-live", "growth", "power-loss-store", "power-loss-merge",
    "power-loss-purge", "power-loss-backup", "kills-store", "erasure", "formats-segment")
MODULES = (index_speed, index_memory, index_filters, index_growth)


def context():
    return claims.Context(7, argparse.Namespace(scale="hour", rounds=5, kills=300, crash_scale=4))


def verdict(name, found=None, at=None):
    """The line of a claim when every bench writes `found`."""
    one = next(one for one in claims.REGISTER["index"] if one.name == name)
    with unittest.mock.patch.multiple(at or index_speed, bench=lambda *_, **__: found):
        return claims.judge(one, context())


def side(qps, recall=0.9999, seconds=1.0):
    """A side that reaches `recall`: the same rate at every one below it."""
    rate = {"qps": qps, "qps_rounds": [qps] * 5, "per_cpu_second": qps}
    return {"at": {str(wanted): rate if wanted <= recall else None for wanted in (0.95, 0.98, 0.99, 0.999)},
            "points": [{"recall": recall}], "build_seconds": {"median": seconds}, "build_cpu_seconds": {"median": 2 * seconds}}


def sides(ours=2100.0, recall=0.9999, ours_seconds=0.9, default=900.0, thorough=1000.0):
    return {"sides": {"Pictor": side(ours, recall, ours_seconds), "faiss HNSW efC=40": side(default),
                      "faiss HNSW efC=100": side(thorough, seconds=2.0), "usearch": side(5000.0)}}


def memory(ours=2100.0, peak=90 << 20):
    one = {"limit_bytes": 100 << 20, "use": {"peak": peak, "cache": 50 << 20}, **sides(ours)}
    return {"faiss_bytes": 200 << 20, "groups": [{"share": 0.5, **one}, {"share": 0.25, **one}]}


def cells():
    return {"asked": 0.98, "queries": 1000, "cells": [
        {"kind": kind, "share": share, "deleted": deleted, "recall": 0.985, "lower": 0.981, "exact": 0.1, "ours_us": 100.0,
         "flat_us": 300.0, "faiss_us": 250.0, "unfiltered_us": 60.0}
        for deleted in (0, 0.5) for kind in ("random", "correlated", "anti-correlated") for share in (0.5, 0.1, 0.01, 0.001, 0.0001)]}


def grown(distances=0.3, cpu=0.35):
    return {"recall": 0.98, "rows": [{"count": 10_000, "distances": 500}, {"count": 200_000, "distances": 900}],
            "exponents": {"distances": distances, "cpu_us": cpu}}


class Listed(unittest.TestCase):
    def test_every_line_of_the_issue_is_a_claim_with_a_bound_and_names_are_unique(self):
        names = [one.name for one in claims.REGISTER["index"]]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(set(MUST_BE_SHOWN) - set(names), set())
        self.assertTrue(all(one.wanted for one in claims.REGISTER["index"]))

    def test_the_program_lists_them(self):
        went = subprocess.run([sys.executable, str(pathlib.Path(__file__).with_name("prove.py")), "index", "--list"],
                              capture_output=True, text=True)
        if went.returncode == common.EXIT_SKIPPED:
            self.skipTest(went.stderr)
        self.assertIn("speed-fashion-99: wanted at recall@10 of 0.99", went.stdout)


class Speed(unittest.TestCase):
    def test_twice_as_fast_holds_and_a_little_less_fails(self):
        self.assertEqual(verdict("speed-fashion-99", sides(2000.0)).verdict, claims.PASS)
        self.assertEqual(verdict("speed-fashion-99", sides(1990.0)).verdict, claims.FAIL)
        self.assertEqual(verdict("speed-embeddings-95", sides(1000.0)).verdict, claims.PASS)
        self.assertEqual(verdict("speed-embeddings-999", sides(990.0)).verdict, claims.FAIL)

    def test_the_better_of_both_faiss_graphs_is_what_counts(self):
        self.assertEqual(verdict("speed-fashion-99", sides(2000.0, default=1001.0)).verdict, claims.FAIL)

    def test_a_recall_that_is_not_reached_fails_however_fast_it_is(self):
        found = verdict("speed-fashion-99", sides(1e6, recall=0.97))
        self.assertEqual(found.verdict, claims.FAIL)
        self.assertIn("we reach recall 0.9700 at most", found.figure)

    def test_where_faiss_does_not_reach_it_the_setting_that_finds_most_counts(self):
        for qps, wanted in ((1000.0, claims.PASS), (1100.0, claims.FAIL)):
            found = sides()
            for name in index_speed.PEERS:
                found["sides"][name]["at"]["0.99"] = None
                found["sides"][name]["points"] = [{"recall": 0.98, "setting": 1024, "qps": {"median": 9000.0}},
                                                  {"recall": 0.985, "setting": 2048, "qps": {"median": qps}}]
            judged = verdict("speed-fashion-99", found)
            self.assertEqual(judged.verdict, wanted)
            self.assertIn("0.9850 at most (efSearch 2048)", judged.figure)

    def test_the_scale_stands_in_the_line(self):
        self.assertIn("at 20,000 vectors of embeddings, a part of 100,000", verdict("speed-embeddings-99", sides()).line())

    def test_building_is_held_against_the_default_and_against_the_faster_faiss(self):
        self.assertEqual(verdict("build-fashion", sides(ours_seconds=1.0)).verdict, claims.PASS)
        self.assertEqual(verdict("build-fashion", sides(ours_seconds=1.1)).verdict, claims.FAIL)
        self.assertEqual(verdict("build-fashion-rival", sides(ours_seconds=1.9)).verdict, claims.PASS)
        self.assertEqual(verdict("build-fashion-rival", sides(ours_seconds=1.9, default=1001.0)).verdict, claims.FAIL)


class Memory(unittest.TestCase):
    def judged(self, name, found):
        with unittest.mock.patch.object(ann_group, "Group", unittest.mock.MagicMock()):
            return verdict(name, found, index_memory).verdict

    def test_half_wants_twice_the_speed_and_a_quarter_as_much(self):
        self.assertEqual(self.judged("memory-half-fashion", memory()), claims.PASS)
        self.assertEqual(self.judged("memory-half-fashion", memory(1500.0)), claims.FAIL)
        self.assertEqual(self.judged("memory-quarter-fashion", memory(1500.0)), claims.PASS)
        self.assertEqual(self.judged("memory-quarter-fashion", memory(900.0)), claims.FAIL)

    def test_a_group_that_held_more_than_its_limit_or_did_not_say_proves_nothing(self):
        self.assertEqual(self.judged("memory-half-fashion", memory(peak=120 << 20)), claims.FAIL)
        self.assertEqual(self.judged("memory-half-fashion", memory(peak=None)), claims.FAIL)

    def test_a_program_that_the_kernel_ended_is_a_fail_that_says_so(self):
        found = memory()
        found["groups"][0] = {"share": 0.5, "limit_bytes": 3 << 20, "ended": True, "use": {}, "sides": {}}
        with unittest.mock.patch.object(ann_group, "Group", unittest.mock.MagicMock()):
            line = verdict("memory-half-fashion", found, index_memory).line()
        self.assertRegex(line, "^FAIL memory-half-fashion: does not run in 3.0 MiB")

    def test_without_control_groups_it_is_a_fail_that_says_so(self):
        with unittest.mock.patch.object(ann_group.Group, "made", side_effect=ann_group.NoGroup("read-only")):
            found = verdict("memory-half-fashion", memory(), index_memory)
        self.assertEqual((found.verdict, found.figure), (claims.FAIL, "could not be tried: read-only"))


class Filters(unittest.TestCase):
    def judged(self, name, change=None, cell=4):
        found = cells()
        if change:
            found["cells"][cell].update(change)
        return verdict(name, found, index_filters).verdict

    def test_one_cell_below_the_bound_fails(self):
        self.assertEqual(self.judged("filters-recall"), claims.PASS)
        self.assertEqual(self.judged("filters-recall", {"lower": 0.974}), claims.FAIL)
        self.assertEqual(self.judged("filters-recall", {"lower": 0.976}), claims.PASS)

    def test_deletes_have_cells_of_their_own(self):
        self.assertEqual(self.judged("filters-recall-deletes", {"lower": 0.5}), claims.PASS)
        self.assertEqual(self.judged("filters-recall-deletes", {"lower": 0.5}, cell=20), claims.FAIL)

    def test_a_cell_that_was_not_measured_fails(self):
        found = cells()
        del found["cells"][7]
        self.assertEqual(verdict("filters-recall", found, index_filters).verdict, claims.FAIL)

    def test_recall_beside_writers_needs_every_cell_and_writers_that_wrote(self):
        beside = cells()
        beside["cells"] = [{key: value for key, value in cell.items() if key != "deleted"} for cell in beside["cells"][:15]]
        beside.update(writers=4, commits=10)
        self.assertEqual(verdict("filters-recall-writers", beside, index_filters).verdict, claims.PASS)
        self.assertEqual(verdict("filters-recall-writers", {**beside, "commits": 0}, index_filters).verdict, claims.FAIL)
        beside["cells"][7]["lower"] = 0.974
        self.assertEqual(verdict("filters-recall-writers", beside, index_filters).verdict, claims.FAIL)

    def test_the_faster_scan_and_the_worst_kind_count(self):
        self.assertEqual(self.judged("filters-speed-1"), claims.PASS)
        self.assertEqual(self.judged("filters-speed-1", {"faiss_us": 190.0}, cell=7), claims.FAIL)
        self.assertEqual(self.judged("filters-speed-10", {"ours_us": 130.0}, cell=11), claims.FAIL)
        self.assertEqual(self.judged("filters-speed-50"), claims.PASS)
        self.assertEqual(self.judged("filters-speed-50", {"ours_us": 121.0}, cell=10), claims.FAIL)


class Growth(unittest.TestCase):
    def test_both_costs_count(self):
        self.assertEqual(verdict("growth", grown(), index_growth).verdict, claims.PASS)
        self.assertEqual(verdict("growth", grown(distances=0.41), index_growth).verdict, claims.FAIL)
        self.assertEqual(verdict("growth", grown(cpu=0.41), index_growth).verdict, claims.FAIL)


class Store(unittest.TestCase):
    def judged(self, name, tests, **found):
        report = {"passed": sorted(tests), "skipped": [], "failed": [], "wall": 1.0, "good": True, **copy.deepcopy(found)}
        with unittest.mock.patch.multiple(index_store, known_tests=lambda: set(tests), ctest=lambda *_, **__: report):
            return verdict(name, at=index_speed)

    def test_a_test_that_passes_holds_and_one_that_fails_or_is_skipped_does_not(self):
        self.assertEqual(self.judged("formats-segment", {"read_segment_test"}).verdict, claims.PASS)
        self.assertEqual(self.judged("formats-segment", {"read_segment_test"}, good=False).verdict, claims.FAIL)
        self.assertEqual(self.judged("formats-segment", {"read_segment_test"}, passed=[], skipped=["read_segment_test"]).verdict, claims.FAIL)

    def test_a_test_that_does_not_exist_is_not_built(self):
        self.assertRegex(self.judged("formats-graph", set()).line(), "^FAIL formats-graph: not built: .*read_graph_test")

    def test_tests_of_a_program_hold_when_they_ran_and_are_not_built_when_none_did(self):
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.object(common, "BUILD", pathlib.Path(folder)):
            self.assertRegex(verdict("erasure").line(), "^FAIL erasure: not built: .*no program src/store/store_test")
            (pathlib.Path(folder) / "src/store").mkdir(parents=True)
            (pathlib.Path(folder) / "src/store/store_test").touch()
            for ran, wanted in (({}, "^FAIL erasure: not built: .*no test PurgeTest"), ({"PurgeTest.gone": {}}, "^PASS erasure: 1 tests")):
                with unittest.mock.patch.object(index_store, "gtest", lambda *_, ran=ran: ran):
                    self.assertRegex(verdict("erasure").line(), wanted)
            broken = unittest.mock.Mock(side_effect=RuntimeError("PurgeTest.gone failed"))
            with unittest.mock.patch.object(index_store, "gtest", broken):
                self.assertRegex(verdict("erasure").line(), "^FAIL erasure: RuntimeError: PurgeTest.gone failed")

    def test_fewer_kills_are_told(self):
        self.assertIn("a shorter run than 10,000", self.judged("kills-store", {"kill_test"}).figure)


if __name__ == "__main__":
    unittest.main()
