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
COUNT, DIM, LINES_MAX = 300, 20, 100


def reached(links):
    seen, left = {0}, [0]
    while left:
        for link in links[left.pop()]:
            if link not in seen:
                seen.add(link)
                left.append(link)
    return seen


class Reading(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory(prefix="pictor-formats-") as name:
            folder = pathlib.Path(name)
            subprocess.run([MAKER, folder / "vectors", folder / "graph", str(COUNT), str(DIM)], check=True)
            cls.file, numbers = (folder / "graph").read_bytes(), (folder / "vectors").read_bytes()
        numbers = struct.unpack(f"<{COUNT * DIM}f", numbers)
        cls.vectors = [numbers[at:at + DIM] for at in range(0, len(numbers), DIM)]
        cls.graph = read_graph.read(cls.file)

    def test_the_header_says_what_the_graph_was_made_of(self):
        header = self.graph["header"]
        self.assertEqual((header["owner"], header["metric"], header["dim"], header["rows"]), (77, 3, DIM, COUNT))
        self.assertEqual(header["nodes"], COUNT - len(range(1, COUNT, 9)))

    def test_rows_that_are_alike_share_a_node_and_ascend_in_it(self):
        shared = [rows for rows in self.graph["rows"] if len(rows) > 1]
        self.assertEqual([list(rows) for rows in shared], [[0, *range(1, COUNT, 9)]])

    def test_codes_stand_for_the_vectors_within_a_step(self):
        unit = self.graph["header"]["unit"]
        for code, (scale, bias), rows in zip(self.graph["codes"], self.graph["scales"], self.graph["rows"]):
            meant = [((one - 128) * scale + centre) / unit for one, centre in zip(code, self.graph["centre"])]
            for got, wanted in zip(meant, self.vectors[rows[0]]):
                self.assertLessEqual(abs(got - wanted), 0.51 * scale / unit + 1e-6)
            away = sum((number * unit - centre) ** 2 for number, centre in zip(self.vectors[rows[0]], self.graph["centre"]))
            self.assertAlmostEqual(bias, -away / 2, places=4)

    def test_node_0_leads_to_every_node_of_every_level(self):
        for level in self.graph["levels"]:
            self.assertEqual(reached(level), set(range(len(level))))

    def test_steps_ask_for_more_and_promise_more(self):
        steps = self.graph["steps"]
        self.assertEqual([step[0] for step in steps], sorted(step[0] for step in steps))
        self.assertTrue(all(lower <= mean <= 1.0 for _, lower, mean, _ in steps))

    def test_a_changed_byte_of_header_table_or_section_is_refused(self):
        drawn, checked = random.Random(7), 0
        places = [struct.unpack_from("<QQ", self.file, 128 + 24 * n + 8) for n in range(8)]
        for at in [*range(328), *(drawn.randrange(offset, offset + size) for offset, size in places * 3 if size)]:
            bent = bytearray(self.file)
            bent[at] ^= 1 << drawn.randrange(8)
            with self.assertRaises((read_graph.Bad, struct.error), msg=f"byte {at}"):
                read_graph.read(bytes(bent))
            checked += 1
        self.assertGreater(checked, 340)

    def test_the_reader_is_short(self):
        self.assertLessEqual(len((HERE / "read_graph.py").read_text().splitlines()), LINES_MAX)


if __name__ == "__main__":
    unittest.main()
