"""The sums of the pages of a database of Pictor, from docs/formats/data-folder.md: checked, or made anew after another program wrote it.
Usage: page_sums.py check|resum DATABASE"""
import pathlib
import sys


def table():
    entries = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        entries.append(byte)
    return entries


TABLE = table()


def crc32c(content):
    crc = 0xFFFFFFFF
    for byte in content:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def pages(content):
    size = int.from_bytes(content[16:18], "big")
    size = 65536 if size == 1 else size
    assert content[20] == 8, f"its pages have {content[20]} bytes of their own, wanted 8: it has no sums"
    for begin in range(0, len(content), size):
        page = content[begin:begin + size]
        yield begin, page, crc32c((begin // size + 1).to_bytes(8, "little") + page[:-8]).to_bytes(8, "little")


def resum(path):
    content = bytearray(pathlib.Path(path).read_bytes())
    for begin, page, wanted in pages(bytes(content)):
        content[begin + len(page) - 8:begin + len(page)] = wanted
    pathlib.Path(path).write_bytes(content)


def faults(path):
    return [begin // len(page) + 1 for begin, page, wanted in pages(pathlib.Path(path).read_bytes())
            if page[-8:] != wanted and any(page)]


if __name__ == "__main__":
    if sys.argv[1] == "resum":
        resum(sys.argv[2])
    bad = faults(sys.argv[2])
    print(f"{len(bad)} pages are not what their sums say" + (f": {bad[:20]}" if bad else ""))
    sys.exit(1 if bad else 0)
