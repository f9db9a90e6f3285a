#!/usr/bin/env python3
"""read_segment.py FILE.seg: prints what a segment holds, one vector a line: position of the space, row, born, numbers.

Written from docs/formats/segment.md alone, with nothing of Pictor: the proof that the text says enough.
"""
import struct
import sys

SECTION = {1: "id", 2: "rows", 3: "born", 4: "inverse_norms", 5: "vectors"}
CASTS = {"rows": "Q", "born": "Q", "inverse_norms": "f", "vectors": "f"}


class Bad(Exception):
    """The file is not what docs/formats/segment.md says."""


def need(held, what):
    if not held:
        raise Bad(what)


def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = crc_table()


def crc32c(content):
    crc = 0xFFFFFFFF
    for byte in content:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def read_header(file):
    need(len(file) >= 64, f"{len(file)} bytes, a header has 64")
    magic, version, sections, size, number, first, last, footer, zero = struct.unpack_from("<8sIIQQQQQQ", file)
    need(magic == b"PCTORSEG", f"begins with {magic!r}")
    need(version == 1, f"version {version}, this reader knows 1")
    need(size == len(file) and zero == 0, f"the header says {size} bytes, the file has {len(file)}")
    need(sections % 5 == 0 and footer + 24 + 4 * sections == size and 64 + 32 * sections <= footer, "sections and footer do not fit")
    return {"sections": sections, "number": number, "first_row": first, "last_row": last, "footer": footer}


def read_footer(file, header):
    """The sums of the sections, after those of the header, the table and the footer itself were checked."""
    at, count = header["footer"], header["sections"]
    magic, head_sum, counted = struct.unpack_from("<8sII", file, at)
    need(magic == b"PCTOREND" and counted == count, "no footer where the header says")
    sums = struct.unpack_from(f"<{count}I", file, at + 16)
    own, zero = struct.unpack_from("<II", file, at + 16 + 4 * count)
    need(own == crc32c(file[at:at + 16 + 4 * count]) and zero == 0, "the footer's sum is another")
    need(head_sum == crc32c(file[:64 + 32 * count]), "the sum of header and table is another")
    return sums


def read_spaces(file, header, sums):
    spaces, end = [], 64 + 32 * header["sections"]
    for number in range(header["sections"]):
        kind, position, offset, size, dim, zero = struct.unpack_from("<IIQQII", file, 64 + 32 * number)
        need(kind == number % 5 + 1 and position == number // 5 and zero == 0, f"section {number} is out of order")
        need(offset % 64 == 0 and offset >= end and offset + size <= header["footer"], f"section {number} is out of bounds")
        end = offset + size
        content = file[offset:end]
        need(crc32c(content) == sums[number], f"the sum of section {number} is another")
        name = SECTION[kind]
        if name == "id":
            spaces.append({"id": content.decode("ascii")})
            continue
        cast = CASTS[name]
        spaces[-1][name] = struct.unpack(f"<{size // struct.calcsize('<' + cast)}{cast}", content)
        if name == "vectors":
            spaces[-1]["dim"] = dim
    for space in spaces:
        count = len(space["rows"])
        need(count == len(space["born"]) == len(space["inverse_norms"]), "rows, births and norms are not as many")
        need(len(space["vectors"]) == count * space["dim"], "the vectors are not as many as the rows")
        need(list(space["rows"]) == sorted(set(space["rows"])), "the rows do not ascend")
    return spaces


def read(file):
    header = read_header(file)
    return header, read_spaces(file, header, read_footer(file, header))


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as opened:
        for at, space in enumerate(read(opened.read())[1]):
            for n, row in enumerate(space["rows"]):
                print(at, row, space["born"][n], *space["vectors"][n * space["dim"]:(n + 1) * space["dim"]])
