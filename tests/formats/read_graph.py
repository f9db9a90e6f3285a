#!/usr/bin/env python3
"""read_graph.py FILE: prints what a graph file holds: its header, steps and levels.

Written from docs/formats/graph.md alone, with nothing of Pictor but the sum that segments have too.
"""
import struct
import sys

from read_segment import Bad, crc32c, need

NAMES = ("steps", "centre", "codes", "scales", "links", "upper", "begins", "rows")
NONE = 0xFFFFFFFF


def read_header(file):
    need(len(file) >= 328, f"{len(file)} bytes, header and table have 328")
    magic, version, sections, size, owner, metric, dim, rows, nodes, degree, ef, steps, zero, unit, length = \
        struct.unpack_from("<8sIIQQIIIIIIIIdd", file)
    need(magic == b"PCTRGRPH" and version == 1 and sections == 8, f"begins with {magic!r}, version {version}")
    need(size == len(file) and zero == 0, f"the header says {size} bytes, the file has {len(file)}")
    need(struct.unpack_from("<II", file, 320) == (crc32c(file[:320]), 0), "the sum of header and table is another")
    levels = struct.unpack_from("<12I", file, 80)
    need(1 <= nodes <= rows and levels[0] == nodes and list(levels) == sorted(levels, reverse=True), "levels do not shrink")
    return {"owner": owner, "metric": metric, "dim": dim, "rows": rows, "nodes": nodes, "degree": degree, "ef": ef,
            "steps": steps, "unit": unit, "length": length, "levels": [level for level in levels if level]}


def read_sections(file):
    sections, end = {}, 328
    for number, name in enumerate(NAMES):
        kind, crc, offset, size = struct.unpack_from("<IIQQ", file, 128 + 24 * number)
        need(kind == number + 1 and offset % 64 == 0 and offset >= end and offset + size <= len(file), f"section {name} is out of bounds")
        end = offset + size
        sections[name] = file[offset:end]
        need(crc32c(sections[name]) == crc, f"the sum of section {name} is another")
    return sections


def numbers(content, cast):
    return struct.unpack(f"<{len(content) // struct.calcsize('<' + cast)}{cast}", content)


def lists(content, each):
    """Links of one node after the other, without what fills them up."""
    links = numbers(content, "I")
    return [[link for link in links[at:at + each] if link != NONE] for at in range(0, len(links), each)]


def read(file):
    """Header, steps, codes by node, links by level and node, positions of rows by node."""
    header, sections = read_header(file), read_sections(file)
    nodes, degree, stride = header["nodes"], header["degree"], -(-header["dim"] // 64) * 64
    need(len(sections["codes"]) == nodes * stride, "codes are not as many as the nodes")
    levels, at = [lists(sections["links"], 2 * degree)], 0
    for count in header["levels"][1:]:
        levels.append(lists(sections["upper"][at:at + 4 * degree * count], degree))
        at += 4 * degree * count
    need([len(level) for level in levels] == header["levels"] and at == len(sections["upper"]), "links are not as many as the nodes")
    begins = numbers(sections["begins"], "I") or range(nodes + 1)
    rows = numbers(sections["rows"], "I")
    need(sorted(rows) == list(range(header["rows"])), "not every row is there once")
    return {"header": header, "levels": levels, "centre": numbers(sections["centre"], "f"),
            "steps": [struct.unpack_from("<Ifff", sections["steps"], 16 * n) for n in range(header["steps"])],
            "codes": [sections["codes"][n * stride:n * stride + header["dim"]] for n in range(nodes)],
            "scales": [struct.unpack_from("<ff", sections["scales"], 8 * n) for n in range(nodes)],
            "rows": [rows[begins[n]:begins[n + 1]] for n in range(nodes)]}


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as opened:
        graph = read(opened.read())
    print(graph["header"])
    print(*graph["steps"], sep="\n")
