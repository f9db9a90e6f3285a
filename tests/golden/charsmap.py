"""Makes a SentencePiece map of characters: what `spm_train --normalization_rule_name=nmt_nfkc` puts into a model, from
Python's own Unicode tables.

A map is the size of a Darts double-array trie, the trie, and the texts its values point to, each ending with a zero byte.
"""
import collections
import functools
import struct
import sys
import unicodedata


def rules():
    """From the text as it comes to the text as it shall be."""
    out = {}
    for point in range(1, 0x110000):
        if 0xD800 <= point < 0xE000:
            continue
        char = chr(point)
        whole = unicodedata.normalize("NFKC", char)
        if whole != char:
            out[char] = whole
        parts = unicodedata.normalize("NFD", char)
        if parts != char and unicodedata.normalize("NFC", parts) == char:
            out[parts] = char
    for point in [*range(1, 9), 0xB, *range(0xE, 0x20), 0x7F, 0x8F, 0x9F]:
        out[chr(point)] = ""
    for point in [9, 10, 12, 13, 0x1680, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD]:
        out[chr(point)] = " "
    return out


def double_array(entries):
    """`entries` from bytes to values. A unit: value of a leaf, or label | has_leaf << 8 | offset << 10; the child for a byte
    of the node at i lies at i ^ offset ^ byte."""
    tree = lambda: collections.defaultdict(tree)
    root = tree()
    for key, value in entries.items():
        node = root
        for byte in key:
            node = node[byte]
        node[0] = value  # no key has a zero byte, so 0 is free for the leaf
    units, used, free_from = {0: 0}, {0}, 1
    todo = [(0, root)]
    while todo:
        place, node = todo.pop()
        labels = sorted(node)
        while free_from in used:
            free_from += 1
        base = free_from ^ labels[0]
        while any(base ^ label in used for label in labels):
            free_from_next = base ^ labels[0]
            base = (free_from_next + 1) ^ labels[0]
        offset = place ^ base
        assert offset < 1 << 21
        units[place] |= offset << 10 | (256 if 0 in node else 0)
        for label in labels:
            child = base ^ label
            used.add(child)
            if label == 0:
                units[child] = 1 << 31 | node[0]
            else:
                units[child] = label
                todo.append((child, node[label]))
    size = (max(units) + 256) // 256 * 256
    return [units.get(i, 0) for i in range(size)]


def of(entries, texts):
    """A map from bytes to the places in `texts` where what replaces them begins."""
    units = double_array(entries)
    return struct.pack(f"<{1 + len(units)}I", 4 * len(units), *units) + bytes(texts)


@functools.lru_cache(maxsize=1)
def nfkc():
    texts, places, entries = bytearray(), {}, {}
    for source, target in rules().items():
        if target not in places:
            places[target] = len(texts)
            texts += target.encode() + b"\0"
        entries[source.encode()] = places[target]
    return of(entries, texts)


if __name__ == "__main__":
    sys.stdout.buffer.write(nfkc())
