#!/usr/bin/env python3
"""read_segment_test.py MAKE_SEGMENT: the reader in Python, written from the text alone, finds in a segment of ours what was
put there, bit for bit; and refuses one with any byte changed. It has at most 100 lines, as the text is to be enough."""
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import read_segment  # noqa: E402

MAKER = sys.argv.pop(1)
LINES_MAX = 100


class Reading(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory(prefix="pictor-formats-") as folder:
            made = subprocess.run([MAKER, folder + "/data"], capture_output=True, text=True, check=True)
            files = list(pathlib.Path(folder).glob("data/collections/*/segments/*.seg"))
            assert len(files) == 1, f"{len(files)} segments, wanted one"
            cls.name, cls.file = files[0].stem, files[0].read_bytes()
        cls.wanted = [line.split() for line in made.stdout.splitlines()]

    def test_it_finds_every_row_birth_and_number_bit_for_bit(self):
        header, spaces = read_segment.read(self.file)
        found = []
        for at, space in enumerate(spaces):
            for n, row in enumerate(space["rows"]):
                numbers = space["vectors"][n * space["dim"]:(n + 1) * space["dim"]]
                bits = [f"{one:08x}" for one in struct.unpack(f"<{len(numbers)}I", struct.pack(f"<{len(numbers)}f", *numbers))]
                found.append([str(at), str(row), str(space["born"][n]), *bits])
        self.assertEqual(len(self.wanted), 40 + 32)
        self.assertEqual(sorted(found), sorted(self.wanted))
        self.assertEqual(str(header["number"]), self.name)
        self.assertEqual([space["id"][:1] for space in spaces], ["a", "b"])

    def test_lengths_turned_over_are_those_of_the_vectors(self):
        for space in read_segment.read(self.file)[1]:
            for n, inverse in enumerate(space["inverse_norms"]):
                numbers = space["vectors"][n * space["dim"]:(n + 1) * space["dim"]]
                self.assertAlmostEqual(inverse * sum(one * one for one in numbers) ** 0.5, 1.0, places=6)

    def test_a_changed_byte_is_refused_wherever_it_carries_something(self):
        drawn, between = random.Random(7), self.padding()
        for at in [*range(64), *(drawn.randrange(len(self.file)) for _ in range(400))]:
            if at in between:
                continue
            bent = bytearray(self.file)
            bent[at] ^= 1 << drawn.randrange(8)
            with self.assertRaises((read_segment.Bad, struct.error), msg=f"byte {at}"):
                read_segment.read(bytes(bent))

    def padding(self):
        """The places between sections: zero, and carrying nothing."""
        count = struct.unpack_from("<I", self.file, 12)[0]
        used = set(range(64 + 32 * count)) | set(range(struct.unpack_from("<Q", self.file, 48)[0], len(self.file)))
        for number in range(count):
            offset, size = struct.unpack_from("<QQ", self.file, 64 + 32 * number + 8)
            used |= set(range(offset, offset + size))
        return set(range(len(self.file))) - used

    def test_a_file_that_ends_early_is_refused(self):
        for size in (0, 10, 64, len(self.file) // 2, len(self.file) - 1):
            with self.assertRaises((read_segment.Bad, struct.error), msg=f"{size} bytes"):
                read_segment.read(self.file[:size])

    def test_the_reader_is_short_and_needs_nothing_of_ours(self):
        text = (HERE / "read_segment.py").read_text()
        self.assertLessEqual(len(text.splitlines()), LINES_MAX)
        imports = [line for line in text.splitlines() if line.startswith(("import", "from"))]
        self.assertEqual(imports, ["import struct", "import sys"])


if __name__ == "__main__":
    unittest.main()
