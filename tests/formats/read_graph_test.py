#!/usr/bin/env python3
"""read_graph_test.py MAKE_GRAPH: the reader in Python, written from the text alone, finds in a graph what it was made of: every
row once, codes that stand for its vector, links that lead everywhere; and refuses a changed byte."""
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import read_graph  # noqa: E402

MAKER = sys.argv.pop(1)
COUNT, LINES_MAX = 300, 130


def reached(links):
    seen, left = {0}, [0]
    while left:
        for link in links[left.pop()]:
            if link not in seen:
                seen.add(link)
                left.append(link)
    return seen


class Reading:
    """The tests of one kind of codes."""
    KIND, DIM = 1, 20

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory(prefix="pictor-formats-") as name:
            folder = pathlib.Path(name)
            subprocess.run([MAKER, folder / "vectors", folder / "graph", str(COUNT), str(cls.DIM), str(cls.KIND)], check=True)
            cls.file, numbers = (folder / "graph").read_bytes(), (folder / "vectors").read_bytes()
        numbers = struct.unpack(f"<{COUNT * cls.DIM}f", numbers)
        cls.vectors = [numbers[at:at + cls.DIM] for at in range(0, len(numbers), cls.DIM)]
        cls.graph = read_graph.read(cls.file)

    def test_the_header_says_what_the_graph_was_made_of(self):
        header = self.graph["header"]
        self.assertEqual((header["owner"], header["metric"], header["dim"], header["rows"]), (77, 3, self.DIM, COUNT))
        self.assertEqual(header["codes"], self.KIND)
        self.assertEqual(header["nodes"], COUNT - len(range(1, COUNT, 9)))

    def test_rows_that_are_alike_share_a_node_and_ascend_in_it(self):
        shared = [rows for rows in self.graph["rows"] if len(rows) > 1]
        self.assertEqual([list(rows) for rows in shared], [[0, *range(1, COUNT, 9)]])

    def test_node_0_leads_to_every_node_of_every_level(self):
        for level in self.graph["levels"]:
            self.assertEqual(reached(level), set(range(len(level))))

    def test_steps_ask_for_more_and_promise_more(self):
        steps = self.graph["steps"]
        self.assertEqual([(1 - step[1], step[0]) for step in steps], sorted((1 - step[1], step[0]) for step in steps))
        self.assertTrue(all(lower <= mean <= 1.0 for _, _, _, lower, mean, _ in steps))

    def test_a_changed_byte_of_header_table_or_section_is_refused(self):
        drawn, checked = random.Random(7), 0
        places = [struct.unpack_from("<QQ", self.file, 144 + 24 * n + 8) for n in range(12)]
        for at in [*range(440), *(drawn.randrange(offset, offset + size) for offset, size in places * 3 if size)]:
            bent = bytearray(self.file)
            bent[at] ^= 1 << drawn.randrange(8)
            with self.assertRaises((read_graph.Bad, struct.error), msg=f"byte {at}"):
                read_graph.read(bytes(bent))
            checked += 1
        self.assertGreater(checked, 452)

    def test_the_reader_is_short(self):
        self.assertLessEqual(len((HERE / "read_graph.py").read_text().splitlines()), LINES_MAX)


class Full(Reading, unittest.TestCase):
    def test_codes_stand_for_the_vectors_within_a_step(self):
        unit = self.graph["header"]["unit"]
        for code, (scale, bias), rows in zip(self.graph["codes"], self.graph["scales"], self.graph["rows"]):
            meant = [((one - 128) * scale + centre) / unit for one, centre in zip(code, self.graph["centre"])]
            for got, wanted in zip(meant, self.vectors[rows[0]]):
                self.assertLessEqual(abs(got - wanted), 0.51 * scale / unit + 1e-6)
            away = sum((number * unit - centre) ** 2 for number, centre in zip(self.vectors[rows[0]], self.graph["centre"]))
            self.assertAlmostEqual(bias, -away / 2, places=4)


class Half(Reading, unittest.TestCase):
    """All numbers are in front. Turned rows have the lengths of the rows, and the distances."""
    KIND, DIM, LEFT_OUT = 2, 100, 1e-3

    def test_turned_rows_lie_as_far_apart_as_the_vectors(self):
        unit, turned = self.graph["header"]["unit"], self.graph["turned"]
        self.assertEqual(len(turned[0]), self.DIM)
        for a, b in ((0, 1), (5, 100), (20, 21)):
            rows = [self.vectors[self.graph["rows"][node][0]] for node in (a, b)]
            wanted = sum((x - y) ** 2 for x, y in zip(*rows)) * unit ** 2
            seen = sum((x - y) ** 2 for x, y in zip(turned[a], turned[b]))
            self.assertLess(abs(seen - wanted), self.LEFT_OUT * wanted)

    def test_biases_are_of_the_lengths(self):
        for (_, bias), row in zip(self.graph["scales"], self.graph["turned"]):
            self.assertLess(abs(bias + sum(x * x for x in row) / 2), -2 * self.LEFT_OUT * bias)


class Quarter(Half):
    """Of 100 numbers 64 are in front."""
    KIND, LEFT_OUT = 3, 0.06


if __name__ == "__main__":
    unittest.main()
