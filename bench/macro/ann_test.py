#!/usr/bin/env python3
"""Tests of the benches of indexes: what they count is right, and a wrong answer is seen. On tiny sets, without the program."""
import argparse
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy", "faiss", "usearch")
import ann  # noqa: E402
import ann_curve  # noqa: E402
import ann_data  # noqa: E402
import ann_filters  # noqa: E402
import ann_group  # noqa: E402
import ann_growth  # noqa: E402
import ann_ours  # noqa: E402
import ann_peers  # noqa: E402
import ann_plot  # noqa: E402
import ann_sift  # noqa: E402
import ann_ten_million  # noqa: E402
import numpy  # noqa: E402

K = 10


def drawn(count=400, dim=24, queries=30, metric="l2", seed=3):
    random = numpy.random.default_rng(seed)
    return ann_data.Set("drawn", metric, random.standard_normal((count, dim), dtype=numpy.float32),
                        random.standard_normal((queries, dim), dtype=numpy.float32))


def truth_of(one):
    return ann_curve.Truth(one.vectors, one.queries, one.metric, ann_peers.candidates(one.vectors, one.queries, one.metric, K), K)


def exact(one):
    return [numpy.argsort(ann_curve.distances(query, one.vectors, one.metric), kind="stable")[:K] for query in one.queries]


class FakeOurs:
    """Stands in for the program: right answers, but for what `bend` makes of them."""
    name, settings, one_knob = ann_ours.Ours.name, (0.9, 0.99), True

    def __init__(self, one, folder, k=K, before=(), bend=lambda rows: rows):
        self.one, self.graph, self.ready, self.bend = one, folder / "graph", {}, bend

    def build(self, threads):
        return {"seconds": 0.5, "cpu_seconds": 0.9, "bytes": 1000}

    def open(self):
        return {"bytes": 1000}

    def request(self, *_):
        return {"good": True}

    def answer(self, recall):
        return [self.bend(rows.tolist()) for rows in exact(self.one)]

    def time(self, recall):
        return {"seconds": 0.01, "cpu_seconds": 0.01, "distances": 100.0, "exact": 0}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Recall(unittest.TestCase):
    def test_the_true_rows_in_any_order_are_all_of_it_for_both_metrics(self):
        for metric in ("l2", "cosine"):
            one = drawn(metric=metric)
            self.assertEqual(truth_of(one).recalls([rows[::-1] for rows in exact(one)]).min(), 1.0)

    def test_a_wrong_row_a_row_twice_and_one_that_does_not_exist_are_missed(self):
        one = drawn()
        truth, right = truth_of(one), exact(one)[0].tolist()
        far = int(numpy.argmax(ann_curve.distances(one.queries[0], one.vectors, "l2")))
        for wrong in (far, right[0], len(one.vectors), -1):
            self.assertAlmostEqual(truth.recall(0, right[:-1] + [wrong]), 0.9)
        self.assertEqual(truth.recall(0, []), 0.0)

    def test_rows_past_the_k_first_count_for_nothing(self):
        one = drawn()
        far = [int(row) for row in numpy.argsort(-ann_curve.distances(one.queries[0], one.vectors, "l2"))[:K]]
        self.assertEqual(truth_of(one).recall(0, far + exact(one)[0].tolist()), 0.0)

    def test_a_twin_of_the_last_neighbour_is_as_good_as_it(self):
        one = drawn()
        last = exact(one)[0][-1]
        one.vectors = numpy.concatenate([one.vectors, one.vectors[last:last + 1]])
        self.assertEqual(truth_of(one).recall(0, [*exact(one)[0][:-1].tolist(), len(one.vectors) - 1]), 1.0)

    def test_rows_that_a_filter_forbids_are_missed(self):
        one = drawn()
        allowed = numpy.zeros(len(one.vectors), numpy.uint8)
        allowed[::2] = 1
        scores = ann_filters.similarity(one.vectors, one.queries, "l2")
        truth = ann_curve.Truth(one.vectors, one.queries, "l2", ann_filters.nearest(scores, allowed, K + 20), K)
        right = [row for row in numpy.argsort(ann_curve.distances(one.queries[0], one.vectors, "l2")) if allowed[row]][:K]
        self.assertEqual(truth.recall(0, right, allowed), 1.0)
        self.assertLess(truth.recall(0, exact(one)[0], allowed), 1.0)

    def test_fewer_allowed_rows_than_k_are_all_that_is_wanted(self):
        one = drawn()
        allowed = numpy.zeros(len(one.vectors), numpy.uint8)
        allowed[[5, 9]] = 1
        scores = ann_filters.similarity(one.vectors, one.queries, "l2")
        truth = ann_curve.Truth(one.vectors, one.queries, "l2", ann_filters.nearest(scores, allowed, K), K)
        self.assertEqual(truth.recall(0, [9, 5], allowed), 1.0)
        self.assertEqual(truth.recall(0, [9], allowed), 0.5)


class Curves(unittest.TestCase):
    POINTS = [(0.9, 1000.0), (0.99, 100.0), (0.999, 10.0)]

    def test_between_two_points_the_logarithms_are_joined(self):
        self.assertAlmostEqual(ann_curve.rate_at(self.POINTS, 0.99), 100.0)
        self.assertAlmostEqual(ann_curve.rate_at(self.POINTS, 1 - 10 ** -1.5), 10 ** 2.5, places=3)

    def test_a_recall_that_no_point_reaches_has_no_rate(self):
        self.assertIsNone(ann_curve.rate_at(self.POINTS, 0.9995))

    def test_a_point_that_another_beats_in_both_is_left_out(self):
        self.assertEqual(ann_curve.frontier(self.POINTS + [(0.95, 50.0)]), self.POINTS)

    def test_nothing_is_assumed_across_a_cliff(self):
        points = self.POINTS + [(1.0, 0.5)]
        self.assertEqual(ann_curve.rate_at(points, max(recall for recall, _ in self.POINTS) + 1e-4), 0.5)
        self.assertAlmostEqual(ann_curve.rate_at(points, 0.99), 100.0)

    def test_where_every_point_passes_it_the_nearest_one_stands(self):
        self.assertEqual(ann_curve.rate_at(self.POINTS, 0.5), 1000.0)

    def test_the_lower_bound_is_of_the_mean_and_knows_of_groups(self):
        random = numpy.random.default_rng(1)
        values = random.uniform(0.9, 1.0, size=(100, 20))
        bound = ann_curve.lower_bound(values.tolist())
        self.assertTrue(0.947 < bound < 0.95, bound)
        # Whole groups that differ leave more in doubt than the same values mixed.
        sorted_ = numpy.sort(values.ravel()).reshape(20, 100)
        self.assertLess(ann_curve.lower_bound(sorted_.tolist()), bound - 0.005)

    def test_an_exponent_is_found_again(self):
        counts = [10_000, 30_000, 100_000]
        self.assertAlmostEqual(ann_curve.exponent(counts, [7 * count ** 0.3 for count in counts]), 0.3)

    def test_a_cost_lies_between_two_settings(self):
        points = [{"recall": 0.97, "distances": 100}, {"recall": 0.99, "distances": 400}]
        self.assertTrue(100 < ann_growth.cost_at(points, 0.98, "distances") < 400)
        self.assertIsNone(ann_growth.cost_at(points, 0.999, "distances"))


class Sets(unittest.TestCase):
    def test_a_smaller_clustered_set_is_the_beginning_of_a_larger_and_queries_are_not_in_it(self):
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.multiple(ann_data, CHUNK=200, POOL=50, CLUSTERED_DIM=16):
            model = ann_data.clusters(16, 40)
            with unittest.mock.patch.object(ann_data, "clusters", lambda: model):
                small, large = (ann_data.opened(ann_data.made("clustered", rows, pathlib.Path(folder) / str(rows)), 20, 1)
                                for rows in (250, 700))
        self.assertEqual((len(small.vectors), len(large.vectors), len(small.queries)), (250, 700, 20))
        self.assertTrue((small.vectors == large.vectors[:250]).all())
        nearest = numpy.sqrt(((large.vectors[None] - large.queries[:, None]) ** 2).sum(axis=2).min(axis=1))
        self.assertGreater(nearest.min(), 0.01)

    def test_its_spectrum_falls_and_its_groups_differ_in_size(self):
        model = ann_data.clusters(64, 50)
        vectors = ann_data.drawn(model, 3000, 5, 1)
        variance = numpy.linalg.eigvalsh(numpy.cov(vectors.T))[::-1]
        self.assertGreater(variance[:8].sum(), 0.4 * variance.sum())
        self.assertGreater(model[2].max(), 2 * model[2].min())

    def test_descriptors_tell_directions_apart_and_a_plain_patch_has_none(self):
        across, flat = numpy.tile(numpy.arange(18.0) * 10, (18, 1)), numpy.ones((18, 18))
        found = ann_sift.descriptors([across, across.T, flat])
        self.assertEqual(found.shape, (2, 128))
        self.assertTrue(((found >= 0) & (found <= 255)).all())
        self.assertEqual([set(numpy.flatnonzero(row) % 8) for row in found], [{0}, {2}])

    def test_queries_follow_from_the_seed(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            numpy.arange(400, dtype=numpy.float32).tofile(folder / "vectors.f32")
            numpy.arange(400, dtype=numpy.float32).tofile(folder / "pool.f32")
            (folder / "set.json").write_text('{"name": "x", "metric": "l2", "dim": 4}')
            queries = [ann_data.opened(folder, 10, seed).queries.tolist() for seed in (1, 1, 2)]
        self.assertEqual(queries[0], queries[1])
        self.assertNotEqual(queries[0], queries[2])


class TenMillion(unittest.TestCase):
    def test_the_truth_that_is_found_piece_by_piece_is_that_of_all(self):
        random = numpy.random.default_rng(3)
        vectors, queries = random.standard_normal((900, 16)).astype(numpy.float32), random.standard_normal((7, 16)).astype(numpy.float32)
        truth = ann_ten_million.Truth(queries)
        for begin, end in ((0, 300), (300, 301), (301, 900)):
            truth.add(vectors[begin:end])
        cosines = (queries @ vectors.T) / numpy.linalg.norm(vectors, axis=1)
        self.assertEqual(numpy.sort(truth.rows, axis=1).tolist(), numpy.sort(numpy.argsort(-cosines, axis=1)[:, :K], axis=1).tolist())
        self.assertEqual(ann_ten_million.recall_of(truth.rows.tolist(), truth.rows), 1.0)
        self.assertEqual(ann_ten_million.recall_of([row[:5] for row in truth.rows.tolist()], truth.rows), 0.5)

    def test_sizes_are_read_and_others_refused(self):
        self.assertEqual(ann_ten_million.size("1.5GiB"), 3 << 29)
        self.assertEqual(ann_ten_million.budget_text(ann_ten_million.size("512MiB")), "512MiB")
        with self.assertRaises(argparse.ArgumentTypeError):
            ann_ten_million.size("2 GB")


class Filters(unittest.TestCase):
    def test_a_correlated_filter_lies_around_the_anchor_and_an_anti_correlated_one_away_from_it(self):
        near, alive = numpy.arange(1000.0), numpy.ones(1000, bool)
        alive[990:] = False
        rows = {kind: numpy.flatnonzero(ann_filters.allowed_rows(kind, 0.01, near, alive, numpy.random.default_rng(1)))
                for kind in ann_filters.KINDS}
        self.assertEqual(rows["correlated"].tolist(), list(range(980, 990)))
        self.assertEqual(rows["anti-correlated"].tolist(), list(range(10)))
        self.assertEqual(len(rows["random"]), 10)
        self.assertTrue(alive[rows["random"]].all())

    def test_groups_hold_each_query_once_and_near_ones_together(self):
        one = drawn(queries=60)
        groups = ann_filters.grouped(one.queries, "l2", 6, numpy.random.default_rng(1))
        self.assertEqual(sorted(numpy.concatenate(groups).tolist()), list(range(60)))

    def test_the_masked_scan_of_faiss_obeys_its_mask(self):
        one = drawn()
        scan = ann_filters.Scan(one.vectors, one.queries, "l2", K)
        self.assertEqual(len(scan.time(numpy.ones(len(one.vectors), numpy.uint8), range(4))), 4)


class Whole(unittest.TestCase):
    GIVEN = argparse.Namespace(k=K, only=["HNSW efC=40", "IVF-flat"], builds=1, rounds=2)

    def measured(self, bend):
        def made(one, folder, k):
            return FakeOurs(one, folder, k, bend=bend)
        made.name = FakeOurs.name
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.object(ann_ours, "Ours", made):
            return ann.measure(drawn(), pathlib.Path(folder), self.GIVEN)

    def test_every_side_has_a_curve_a_build_and_bytes_and_the_table_tells_them(self):
        found = self.measured(lambda rows: rows)
        self.assertEqual(set(found["sides"]), {"Pictor", "faiss HNSW efC=40", "faiss IVF-flat"})
        for side in found["sides"].values():
            self.assertGreater(side["at"]["0.99"]["qps"], 0)
            self.assertGreater(side["build_seconds"]["median"], 0)
        self.assertIn("hnswlib", found["left_out"])
        self.assertIn("faiss IVF-flat", ann.table(found))

    def test_wrong_answers_have_no_rate_at_a_high_recall(self):
        found = self.measured(lambda rows: rows[:8] + [0, 1])
        self.assertIsNone(found["sides"]["Pictor"]["at"]["0.95"])
        self.assertIn("not reached", ann.table(found))

    def test_the_sides_take_turns_and_the_first_round_is_dropped(self):
        order = []
        sides = [unittest.mock.Mock(), unittest.mock.Mock()]
        for side, name in zip(sides, "ab"):
            side.name = name
        kept = ann.in_turns(sides, 3, lambda side: order.append(side.name) or len(order))
        self.assertEqual("".join(order), "baabbaab")
        self.assertEqual({name: len(found) for name, found in kept.items()}, {"a": 3, "b": 3})

    def test_plots_are_well_formed(self):
        found = self.measured(lambda rows: rows)
        rows = [{"count": 1000 * 10**n, "distances": 500 * 2**n, "cpu_us": 50 * 2**n} for n in range(3)]
        with tempfile.TemporaryDirectory() as folder:
            for number, draw in enumerate((lambda path: ann_plot.curves(found, path), lambda path: ann_plot.growth(rows, path, "a < b"))):
                path = pathlib.Path(folder) / f"{number}.svg"
                draw(path)
                names = [part.tag.rpartition("}")[2] for part in xml.etree.ElementTree.parse(path).iter()]
                self.assertGreater(names.count("circle"), 4)


class Groups(unittest.TestCase):
    HUNGRY = "import sys; x = bytearray(int(sys.argv[1])); x[::4096] = b'1' * len(x[::4096])"

    def group(self, limit):
        try:
            return ann_group.Group(limit)
        except ann_group.NoGroup as none:
            self.skipTest(str(none))

    def status(self, group, size):
        command = [str(word) for word in [*group.enter, sys.executable, "-c", self.HUNGRY, size]]
        return subprocess.run(command, stderr=subprocess.DEVNULL).returncode

    def test_a_process_within_the_limit_lives_and_one_past_it_is_ended(self):
        with self.group(64 << 20) as group:
            self.assertEqual(self.status(group, 16 << 20), 0)
            self.assertLessEqual(group.use()["peak"] or 0, 64 << 20)
            self.assertNotEqual(self.status(group, 200 << 20), 0)
        self.assertFalse(group.folder.exists())

    def test_what_is_read_from_a_forgotten_file_is_charged_to_the_group(self):
        with tempfile.NamedTemporaryFile(dir=common.scratch()) as file, self.group(128 << 20) as group:
            file.write(bytes(32 << 20))
            file.flush()
            ann_group.forget(file.name)
            subprocess.run([str(word) for word in [*group.enter, "cat", file.name]], stdout=subprocess.DEVNULL, check=True)
            self.assertGreater(group.use()["cache"], 16 << 20)

    def test_where_no_group_can_be_made_the_reason_is_told(self):
        with unittest.mock.patch.object(ann_group, "places", lambda: [(1, pathlib.Path("/nowhere/at/all"))]):
            with self.assertRaisesRegex(ann_group.NoGroup, "/nowhere/at/all: No such file"):
                ann_group.Group(1 << 20)


class Peers(unittest.TestCase):
    def test_each_finds_nearly_all_when_asked_thoroughly(self):
        one = drawn(count=1200, dim=16, queries=20)
        truth = truth_of(one)
        for metric in ("l2", "cosine"):
            one.metric = metric
            truth = truth_of(one)
            for peer in ann_peers.every(one.vectors, one.queries, metric, K):
                peer.build(1)
                self.assertGreater(truth.recalls(peer.answer(peer.settings[-1])).mean(), 0.95, f"{peer.name} {metric}")
                self.assertGreater(peer.time(peer.settings[0])["seconds"], 0)
                self.assertGreater(peer.index_bytes(), one.vectors.nbytes * 0.5)

    def test_unit_vectors_stay_finite_without_a_direction(self):
        self.assertTrue(math.isfinite(ann_peers.unit(numpy.zeros((1, 4), numpy.float32)).sum()))


if __name__ == "__main__":
    unittest.main()
