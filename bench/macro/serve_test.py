#!/usr/bin/env python3
"""Tests of the load on the server: serve_load against a small server of Python, and what the bench makes of what it tells."""
import argparse
import http.server
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402

common.enter_venv("numpy", "PIL", "onnxruntime", "faiss", "tokenizers", "fastapi", "uvicorn")
import numpy  # noqa: E402
import ours  # noqa: E402
import serve  # noqa: E402
import serve_data  # noqa: E402
import serve_requests  # noqa: E402
import serve_sides  # noqa: E402
import serve_soak  # noqa: E402
from PIL import Image  # noqa: E402

MARK = serve_requests.MARK.decode()


class Answering:
    """A server that remembers what it was asked. `act`(number, method, path, body) -> (status, body, chunked), or None: it hangs up."""

    def __init__(self, act):
        asked, lock = [], threading.Lock()
        self.asked = asked

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

            def any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with lock:
                    asked.append((self.command, self.path, body))
                    number = len(asked)
                found = act(number, self.command, self.path, body)
                if found is None:
                    self.close_connection = True
                    return
                status, text, chunked = found
                self.send_response(status)
                if chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for first in range(0, len(text), 7):
                        part = text[first:first + 7]
                        self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                    self.wfile.write(b"0\r\n\r\n")
                elif status == 204:
                    self.end_headers()
                else:
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = any

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


HITS = json.dumps({"hits": [{"rank": 1, "id": "a"}, {"rank": 2, "id" : "b c"}], "idle": "x"}).encode()


class Driver(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.place = pathlib.Path(self.folder.name)
        self.requests = self.place / "requests"
        self.requests.write_bytes(
            serve_requests.one("text", "POST", "/search", "application/json", b'{"text": "one"}') +
            serve_requests.one("text", "POST", "/search", "application/json", b'{"text": "two"}') +
            serve_requests.one("image", "POST", "/search?k=10", "image/jpeg", b"\xff\xd8\n" + MARK.encode() + b"\x00\n") +
            serve_requests.one("put", "PUT", f"/items/{MARK}", "image/jpeg", b"x" * 300_000) +
            serve_requests.one("delete", "DELETE", f"/items/{MARK}"))

    def tearDown(self):
        self.folder.cleanup()

    def load(self, server, **options):
        done = subprocess.run(serve_sides.load_command(server.port, self.requests, **options), capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_every_request_is_sent_once_and_answers_are_read_whatever_their_framing(self):
        with Answering(lambda number, *_: (200, HITS, number % 2 == 0)) as server:
            told = self.load(server, closed={"text": 1}, connections=3, seconds=20, requests=41, answers=self.place / "answers")
        self.assertEqual(told["all"]["statuses"], {"200": 41})
        self.assertEqual([told["all"][name] for name in ("sent", "broken", "unanswered")], [41, 0, 0])
        self.assertEqual(len(server.asked), 41)
        self.assertEqual(sum(body == b'{"text": "one"}' for _, _, body in server.asked), 21)
        lines = [json.loads(line) for line in (self.place / "answers").read_text().splitlines()]
        self.assertEqual([line["ids"] for line in lines], [["a", "b c"]] * 41)

    def test_a_serial_number_stands_in_path_and_body_and_never_twice(self):
        with Answering(lambda *_: (200, b"{}", False)) as server:
            self.load(server, closed={"image": 1, "put": 1}, connections=4, seconds=20, requests=20, serial=500)
        bodies = {body for method, _, body in server.asked if method == "POST"}
        self.assertEqual(len(bodies), 10)
        self.assertTrue(all(body[:3] == b"\xff\xd8\n" and body[-2:] == b"\x00\n" and body[3:15].isdigit() for body in bodies))
        numbers = [int(path[len("/items/"):]) for method, path, _ in server.asked if method == "PUT"]
        self.assertEqual(len(set(numbers)), 10)
        self.assertTrue(all(500 <= number < 520 for number in numbers))
        self.assertEqual({len(body) for method, _, body in server.asked if method == "PUT"}, {300_000})

    def test_only_what_was_answered_is_deleted_and_only_once(self):
        def act(_, method, path, __):
            return (503, b"{}", False) if method == "PUT" and int(path[-3:]) % 2 else (200, b"{}", False)
        with Answering(act) as server:
            self.load(server, closed={"put": 1, "delete": 1}, connections=3, seconds=20, requests=60, log=self.place / "log")
        put = {path for method, path, _ in server.asked if method == "PUT" and int(path[-3:]) % 2 == 0}
        deleted = [path for method, path, _ in server.asked if method == "DELETE"]
        self.assertGreater(len(deleted), 5)
        self.assertEqual(len(deleted), len(set(deleted)))
        self.assertLessEqual(set(deleted), put)
        good, gone, either = serve_soak.expected(serve_sides.logged(self.place / "log"))
        self.assertEqual({f"/items/{number:012d}" for number in gone}, set(deleted))
        self.assertEqual({f"/items/{number:012d}" for number in good}, put - set(deleted))
        self.assertTrue(all(number % 2 for number in either))

    def test_of_an_open_load_what_waits_behind_a_slow_answer_is_slow(self):
        def act(number, *_):
            time.sleep(0.6 if number == 20 else 0)
            return 200, b"{}", False
        with Answering(act) as server:
            options = {"seconds": 2, "arrivals": "constant", "connections": 1}
            told = self.load(server, open={"text": 50}, **options)["classes"]["text"]
        self.assertEqual(told["statuses"], {"200": told["sent"]})
        self.assertAlmostEqual(told["sent"], 100, delta=1)
        self.assertGreater(told["max_ms"], 590)
        self.assertGreater(told["p90_ms"], 200, "some 30 requests were due while one took 0.6 s")
        self.assertLess(told["p50_ms"], 200)

    def test_poisson_arrivals_have_the_rate_and_unequal_gaps(self):
        with Answering(lambda *_: (200, b"{}", False)) as server:
            self.load(server, open={"text": 200, "put": 20}, seconds=2, seed=5, log=self.place / "log")
        due = {name: sorted(line[3] for line in serve_sides.logged(self.place / "log") if line[0] == name) for name in ("text", "put")}
        self.assertAlmostEqual(len(due["text"]), 400, delta=5 * 20)
        self.assertAlmostEqual(len(due["put"]), 40, delta=5 * 6.4)
        gaps = numpy.diff(due["text"])
        self.assertAlmostEqual(gaps.std() / gaps.mean(), 1.0, delta=0.3)

    def test_what_breaks_is_counted_and_the_load_goes_on(self):
        with Answering(lambda number, *_: None if number == 5 else (204, b"", False)) as server:
            told = self.load(server, closed={"text": 1}, connections=1, seconds=20, requests=12, log=self.place / "log")
        self.assertEqual((told["all"]["broken"], told["all"]["statuses"], told["all"]["sent"]), (1, {"204": 11}, 12))
        self.assertEqual([line[2] for line in serve_sides.logged(self.place / "log")].count(0), 1)

    def test_a_busy_server_is_given_a_rest_and_its_answers_are_no_latencies(self):
        with Answering(lambda *_: (429, b"{}", False)) as server:
            told = self.load(server, closed={"text": 1}, connections=1, seconds=1)
        self.assertLess(told["all"]["sent"], 25)
        self.assertEqual(told["all"]["measured"], 0)

    def test_nothing_that_listens_is_no_answer(self):
        with Answering(lambda *_: (200, b"{}", False)) as server:
            pass
        told = self.load(server, closed={"text": 1}, connections=2, seconds=0.5)
        self.assertEqual(told["all"]["sent"], 0)
        self.assertGreater(told["refused_connections"], 2)

    def test_what_it_cannot_read_is_said(self):
        for content, words, why in ((b"text POST /x\n", {"closed": {"text": 1}}, "wanted CLASS METHOD PATH TYPE BYTES"),
                                    (b"text POST /x - 5\nabc", {"closed": {"text": 1}}, "the file ends after 3"),
                                    (b"text GET /x - 0\n", {"closed": {"image": 1}}, "no requests of class 'image'"),
                                    (b"text GET /x - 0\n", {"closed": {"text": 0}}, "no share of a class"),
                                    (b"text GET /x - 0\n", {"closed": {"text": 1}, "connections": 5000}, "--connections is 5000")):
            self.requests.write_bytes(content)
            done = subprocess.run(serve_sides.load_command(1, self.requests, **words), capture_output=True, text=True, timeout=20)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(why, done.stderr)


class Requests(unittest.TestCase):
    def test_a_marked_picture_has_the_same_pixels_and_what_is_none_is_refused(self):
        out = io.BytesIO()
        Image.fromarray(numpy.random.default_rng(1).integers(0, 255, (48, 64, 3), numpy.uint8)).save(out, "JPEG")
        with_mark = serve_requests.marked(out.getvalue())
        self.assertEqual(with_mark.count(serve_requests.MARK), 1)
        same = [numpy.asarray(Image.open(io.BytesIO(one))) for one in (out.getvalue(), with_mark, with_mark.replace(serve_requests.MARK, b"000000000017"))]
        self.assertTrue((same[0] == same[1]).all() and (same[0] == same[2]).all())
        with self.assertRaises(ValueError):
            serve_requests.marked(b"\x89PNG")

    def test_texts_are_all_different_and_of_their_seed(self):
        found = serve_requests.texts(serve_requests.TEXTS, "7")
        self.assertEqual(len(set(found)), serve_requests.TEXTS)
        self.assertEqual(found[:9], serve_requests.texts(serve_requests.TEXTS, "7")[:9])
        self.assertNotEqual(found[:9], serve_requests.texts(serve_requests.TEXTS, "8")[:9])
        self.assertFalse([text for text in found if text.startswith("#") or not text.isprintable()])


class Figures(unittest.TestCase):
    def test_percentiles_are_by_nearest_rank(self):
        self.assertEqual([serve_sides.percentile(range(1, 101), share) for share in (0.5, 0.99, 1)], [50, 99, 100])
        self.assertEqual(serve_sides.percentile([3, 1, 2], 0.99), 3)
        self.assertEqual(serve_sides.percentile([5], 0.01), 5)

    def test_rounds_are_pooled_and_the_warm_up_and_what_failed_left_out(self):
        lines = [[("text", 1, 200, 0, 900_000), ("text", 2, 200, 2_000_000, 2_010_000), ("text", 3, 429, 2_100_000, 2_100_100)],
                 [("text", 4, 200, 7_000_000, 7_900_000), ("text", 5, 201, 8_500_000, 8_530_000)]]
        found = serve.summary(lines, 1e6)["text"]
        self.assertEqual((found["n"], found["p50_ms"], found["p99_ms"]), (2, 10, 30))

    def test_what_is_not_answered_well_is_a_fault(self):
        one = {"sent": 9, "broken": 0, "unanswered": 0, "statuses": {"200": 9}}
        self.assertEqual(serve_sides.faults_of({"classes": {"text": one}}), {})
        for bent in ({"broken": 1}, {"unanswered": 2}, {"statuses": {"200": 8, "500": 1}}, {"statuses": {"429": 1}}):
            self.assertTrue(serve_sides.faults_of({"classes": {"text": {**one, **bent}}}))
        self.assertEqual(serve_sides.faults_of({"classes": {"text": {**one, "statuses": {"429": 1}}}}, allowed=(429,)), {})

    def test_the_share_that_two_answers_have_in_common(self):
        self.assertEqual(serve.overlap([["a", "b"], ["c", "d"]], [["b", "a"], ["c", "x"]]), 0.75)
        with self.assertRaises(ValueError):
            serve.overlap([["a"]], [])


def bench_of(rates):
    """A bench whose steps are given: connections -> (rate, p99)."""
    bench = argparse.Namespace(ladder=(1, 2, 4, 8), rounds=3)

    def step(_, side, connections):
        rate, p99 = rates[side][connections]
        return {"connections": connections, "per_second": rate, "p99_ms": p99}
    return bench, unittest.mock.patch.object(serve, "step", step)


class Throughput(unittest.TestCase):
    def test_the_python_service_is_taken_at_the_fewest_connections_that_give_its_best(self):
        steps = [{"connections": one, "per_second": rate} for one, rate in ((1, 50), (2, 98), (4, 100), (8, 99))]
        self.assertEqual(serve.best_of_peer(steps)["connections"], 2)

    def test_ours_is_the_most_within_the_bound_and_the_least_load_when_none_is(self):
        steps = [{"connections": one, "per_second": rate, "p99_ms": p99} for one, rate, p99 in ((1, 50, 5), (2, 90, 9), (4, 100, 30))]
        self.assertEqual(serve.best_within(steps, 10)["connections"], 2)
        self.assertEqual(serve.best_within(steps, 3)["connections"], 1)

    def test_the_ladder_ends_far_past_the_bound_or_when_the_rate_falls(self):
        bench, patched = bench_of({"a": {1: (50, 5), 2: (60, 50), 4: (70, 60), 8: (80, 70)}, "b": {1: (50, 5), 2: (30, 5), 4: (90, 5)}})
        with patched:
            self.assertEqual([one["connections"] for one in serve.climbed(bench, "a", 10)], [1, 2])
            self.assertEqual([one["connections"] for one in serve.climbed(bench, "a")], [1, 2, 4, 8])
            self.assertEqual([one["connections"] for one in serve.climbed(bench, "b")], [1, 2])

    def test_ours_goes_down_until_its_p99_is_within_the_others(self):
        bench, patched = bench_of({"peer": {2: (50, 40)}, "ours": {8: (300, 90), 4: (200, 45), 2: (150, 20)}, "slow": {1: (10, 80)}})

        class Side:
            def __init__(self, name):
                self.name = name

            def __enter__(self):
                return self.name

            def __exit__(self, *_):
                pass
        sides = {name: (lambda name=name: Side(name)) for name in ("peer", "ours", "slow")}
        with patched:
            found, within = serve.at_equal_p99(bench, sides, {"peer": 2, "ours": 8, "slow": 1})
        self.assertEqual((found["ours"]["connections"], found["ours"]["per_second"]["median"], len(found["ours"]["rounds"])), (2, 150, 3))
        self.assertEqual(within, {"peer": True, "ours": True, "slow": False})


class Vectors(unittest.TestCase):
    def real(self):
        random = numpy.random.default_rng(4)
        return {head: serve_data.unit(random.standard_normal((30, dim)).astype(numpy.float32)) for head, dim in (("visual", 40), ("joint", 16))}

    def test_drawn_vectors_are_of_length_one_near_the_real_ones_and_the_same_again(self):
        real = self.real()
        around = serve_data.Around(real)
        first, again, other = around.drawn(200, 3), serve_data.Around(real).drawn(200, 3), around.drawn(200, 4)
        for head, rows in first.items():
            self.assertTrue(numpy.allclose(numpy.linalg.norm(rows, axis=1), 1, atol=1e-5))
            self.assertTrue((rows == again[head]).all())
            self.assertFalse((rows == other[head]).any())
            likeness = (rows @ real[head].T).max(axis=1)
            self.assertGreater(likeness.mean(), 0.5)
            self.assertLess(likeness.max(), 0.9999)

    def truth(self, rows=25_000):
        random, real = numpy.random.default_rng(6), self.real()
        drawn = {"visual": serve_data.unit(random.standard_normal((rows, 40)).astype(numpy.float32))}
        data = argparse.Namespace(rows=rows, drawn=lambda: drawn, real=lambda _: (None, [f"real-{n}.jpg" for n in range(30)], real))
        return serve_data.Truth(data, "x", 10), numpy.concatenate([drawn["visual"], real["visual"]])

    def test_recall_counts_true_neighbours_by_distance_and_nothing_else(self):
        truth, every = self.truth()
        queries = every[[7, 24_999, 25_003]]
        order = numpy.argsort(-(queries @ every.T), axis=1)[:, :12]
        names = [[f"v{row}" if row < 25_000 else f"real-{row - 25_000}.jpg" for row in one] for one in order]
        self.assertEqual(truth.recalls("visual", queries, names), [1, 1, 1])
        self.assertEqual(truth.recalls("visual", queries, [one[::-1][2:] for one in names]), [1, 1, 1])
        self.assertAlmostEqual(truth.recalls("visual", queries, [[one[0], *one[:9]] for one in names])[0], 0.9)
        self.assertAlmostEqual(truth.recalls("visual", queries, [["put-1", *one[:9]] for one in names])[0], 0.9)
        far = f"v{int(numpy.argmin(every[:25_000] @ queries[0]))}"
        self.assertAlmostEqual(truth.recalls("visual", queries, [[far, *one[1:10]] for one in names])[0], 0.9)
        self.assertEqual(truth.recalls("visual", queries, [[], [], []]), [0, 0, 0])

    def test_an_item_that_is_asked_with_is_none_of_its_neighbours(self):
        truth, every = self.truth()
        order = numpy.argsort(-(every[[7]] @ every.T), axis=1)[0]
        names = [f"v{row}" if row < 25_000 else f"real-{row - 25_000}.jpg" for row in order]
        self.assertEqual(truth.recalls("visual", every[[7]], [names[1:11]], [7]), [1])
        self.assertAlmostEqual(truth.recalls("visual", every[[7]], [names[:10]], [7])[0], 0.9)


class Soak(unittest.TestCase):
    def test_what_must_be_there_and_gone_follows_from_the_answers(self):
        lines = [("put", 1, 201, 0, 1), ("put", 2, 201, 0, 1), ("delete", 1, 200, 2, 3), ("put", 3, 0, 0, 1), ("put", 4, 200, 0, 1),
                 ("delete", 4, 0, 2, 3), ("text", 9, 200, 0, 1), ("put", 5, 429, 0, 1)]
        self.assertEqual(serve_soak.expected(lines), ({2}, {1}, {3, 4, 5}))

    def test_a_connection_may_break_only_while_the_server_is_dead(self):
        lines = [("text", 1, 0, 0, 5_000_000), ("text", 2, 429, 0, 1), ("text", 3, 200, 0, 1)]
        self.assertEqual(serve_soak.wrong_answers(lines, 4_900_000, 5_500_000), {})
        self.assertEqual(serve_soak.wrong_answers(lines, 5_100_000, 5_500_000), {"text 0": 1})
        self.assertEqual(serve_soak.wrong_answers([("put", 1, 500, 0, 1)], 0, 1), {"put 500": 1})

    def test_growth_is_from_a_quarter_of_the_time_to_its_end(self):
        samples = [(100 + at, {"rss": 1000 if at < 25 else 2000 + at}) for at in range(101)]
        early, late, most = serve_soak.growth(samples, 100, 100, "rss")
        self.assertTrue(2025 <= early <= 2030 and 2095 <= late <= 2100 and most == 2100)
        with self.assertRaises(RuntimeError):
            serve_soak.growth(samples[:50], 100, 100, "rss")

    def found(self, **bent):
        return {"rss": {"growth": 0.01}, "wrong": {}, "lost": [], "returned": [], "count": 105, "count_wanted": [104, 106], "deleted": 9,
                "there": 4, **bent}

    def test_it_holds_only_when_everything_does(self):
        self.assertTrue(serve_soak.holds(self.found()))
        for bent in ({"rss": {"growth": 0.051}}, {"wrong": {"text 500": 1}}, {"lost": [3]}, {"returned": [3]}, {"count": 103}, {"count": 107},
                     {"deleted": 0}, {"there": 0}):
            self.assertFalse(serve_soak.holds(self.found(**bent)), bent)

    def test_a_lost_item_and_one_that_came_back_are_found(self):
        def act(_, __, path, ___):
            number = int(path.split("-")[1][:12])
            vectors = {"visual": [] if number == 3 else [1.0]}
            return (200, json.dumps({"vectors": vectors}).encode(), False) if number in (1, 3, 5) else (404, b"{}", False)
        with Answering(act) as server:
            self.assertEqual(serve_soak.look(server, {1, 2, 3}, {4, 5}), ([2, 3], [5]))


if __name__ == "__main__":
    try:
        ours.tool("serve_load")
    except common.Missing as missing:
        print(f"SKIP: {missing}", file=sys.stderr)
        sys.exit(common.EXIT_SKIPPED)
    unittest.main()
