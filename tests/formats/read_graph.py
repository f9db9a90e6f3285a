#!/usr/bin/env python3
"""read_graph.py FILE: prints what a graph file holds: its header, steps and levels.

Written from docs/formats/graph.md alone, with nothing of Pictor but the sum that segments have too.
"""
import struct
import sys

from read_segment import Bad, crc32c, need

NAMES = ("steps", "centre", "codes", "scales", "links", "upper", "begins", "rows", "reflections", "rest", "fine", "rest scales")
FULL, HALF, QUARTER = 1, 2, 3


def read_header(file):
    need(len(file) >= 440, f"{len(file)} bytes, header and table have 440")
    magic, version, sections, size, owner, metric, dim, rows, nodes, degree, ef, steps, codes, unit, length = \
        struct.unpack_from("<8sIIQQIIIIIIIIdd", file)
    need(magic == b"PCTRGRPH" and version == 2 and sections == 12, f"begins with {magic!r}, version {version}")
    need(size == len(file) and codes in (FULL, HALF, QUARTER), f"the header says {size} bytes, the file has {len(file)}")
    need(struct.unpack_from("<II", file, 432) == (crc32c(file[:432]), 0), "the sum of header and table is another")
    levels = struct.unpack_from("<12I", file, 80)
    need(1 <= nodes <= rows and levels[0] == nodes and list(levels) == sorted(levels, reverse=True), "levels do not shrink")
    error, front, zero = struct.unpack_from("<dII", file, 128)
    wanted = {FULL: 0, HALF: dim, QUARTER: min(dim, max(64, min(256, (dim + 128) // 256 * 64)))}[codes]
    need((front, zero) == (wanted, 0) and error >= 0, f"{front} numbers in front, error {error}")
    return {"owner": owner, "codes": codes, "front": front, "error": error, "metric": metric, "dim": dim, "rows": rows, "nodes": nodes, "degree": degree, "ef": ef,
            "steps": steps, "unit": unit, "length": length, "levels": [level for level in levels if level]}


def read_sections(file):
    sections, end = {}, 440
    for number, name in enumerate(NAMES):
        kind, crc, offset, size = struct.unpack_from("<IIQQ", file, 144 + 24 * number)
        need(kind == number + 1 and offset % 64 == 0 and offset >= end and offset + size <= len(file), f"section {name} is out of bounds")
        end = offset + size
        sections[name] = file[offset:end]
        need(crc32c(sections[name]) == crc, f"the sum of section {name} is another")
    return sections


def numbers(content, cast):
    return struct.unpack(f"<{len(content) // struct.calcsize('<' + cast)}{cast}", content)


def lists(content, each, bits=32):
    """Links of one node after the other, without what fills them up."""
    size, ones = -(-each * bits // 8), (1 << bits) - 1
    whole = (int.from_bytes(content[at:at + size], "little") for at in range(0, len(content) // size * size, size))
    return [[link for link in (one >> bits * n & ones for n in range(each)) if link != ones] for one in whole]


def nibbles(content):
    return [half for at in range(0, len(content), 64) for half in
            (*(byte & 15 for byte in content[at:at + 64]), *(byte >> 4 for byte in content[at:at + 64]))]


def up_to(count, multiple):
    return -(-count // multiple) * multiple


def planes(header, sections):
    """Numbers of the turned rows by node, as their codes stand for them."""
    front, rest = header["front"], header["dim"] - header["front"]
    sizes = {"codes": up_to(front, 64), "rest": up_to(rest, 128) // 2, "fine": up_to(front, 128) // 2}
    need(all(len(sections[name]) == header["nodes"] * size for name, size in sizes.items()), "planes are not as long as the nodes are many")
    found = []
    for node, scale in enumerate(numbers(sections["rest scales"], "f")):
        own = {name: sections[name][node * size:(node + 1) * size] for name, size in sizes.items()}
        of_front, fine = struct.unpack_from("<f", sections["scales"], 8 * node)[0], nibbles(own["fine"])
        row = [(code - 128 + (part - 7.5) / 16) * of_front for code, part in zip(own["codes"][:front], fine)]
        found.append(row + [(code - 7.5) * scale for code in nibbles(own["rest"])[:rest]])
    return found


def read(file):
    """Header, steps, codes by node, links by level and node, positions of rows by node."""
    header, sections = read_header(file), read_sections(file)
    nodes, degree, dim = header["nodes"], header["degree"], header["dim"]
    bits = nodes.bit_length() if header["codes"] == QUARTER else 32
    levels, at = [lists(sections["links"][:-(-2 * degree * bits // 8) * nodes], 2 * degree, bits)], 0
    for count in header["levels"][1:]:
        levels.append(lists(sections["upper"][at:at + 4 * degree * count], degree))
        at += 4 * degree * count
    need([len(level) for level in levels] == header["levels"] and at == len(sections["upper"]), "links are not as many as the nodes")
    begins = numbers(sections["begins"], "I") or range(nodes + 1)
    rows = numbers(sections["rows"], "I")
    need(sorted(rows) == list(range(header["rows"])), "not every row is there once")
    found = {"header": header, "levels": levels, "centre": numbers(sections["centre"], "f"),
             "steps": [struct.unpack_from("<HBBfff", sections["steps"], 16 * n) for n in range(header["steps"])],
             "scales": [struct.unpack_from("<ff", sections["scales"], 8 * n) for n in range(nodes)],
             "rows": [rows[begins[n]:begins[n + 1]] for n in range(nodes)]}
    if header["codes"] == FULL:
        stride = up_to(dim, 64)
        need(len(sections["codes"]) == nodes * stride, "codes are not as many as the nodes")
        return {**found, "codes": [sections["codes"][n * stride:n * stride + dim] for n in range(nodes)]}
    return {**found, "turned": planes(header, sections)}


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as opened:
        graph = read(opened.read())
    print(graph["header"])
    print(*graph["steps"], sep="\n")
