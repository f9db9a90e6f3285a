#!/usr/bin/env python3
"""Writes what the reference tokenizer (PyPI `tokenizers`) makes of seeded lines of mixed scripts, and of every code point.

usage: tokenizer_golden.py TOKENIZER_JSON OUT_FOLDER SEED LINES

lines.tsv:  the text as hexadecimal UTF-8, the token limit, the ids
points.tsv: code point, flags (1 other, 2 space, 4 punctuation, 8 non-spacing mark), lower case, NFD, all hexadecimal;
            code points with no flag that stay as they are have no row
order.tsv:  strings of combining marks and their NFD
"""
import pathlib
import random
import sys

from tokenizers import Tokenizer, normalizers, pre_tokenizers

SCRIPTS = {
    "ascii": [(0x20, 0x7E)], "latin": [(0xA1, 0x24F), (0x1E00, 0x1EFF)], "greek": [(0x370, 0x3FF), (0x1F00, 0x1FFF)],
    "cyrillic": [(0x400, 0x52F)], "hebrew": [(0x591, 0x5F4)], "arabic": [(0x600, 0x6FF), (0xFB50, 0xFDFF)],
    "devanagari": [(0x900, 0x97F)], "bengali": [(0x980, 0x9FF)], "tamil": [(0xB80, 0xBFF)], "thai": [(0xE00, 0xE5B)],
    "tibetan": [(0xF00, 0xFDA)], "georgian": [(0x10A0, 0x10FF), (0x1C90, 0x1CBF)], "jamo": [(0x1100, 0x11FF)],
    "hangul": [(0xAC00, 0xD7A3)], "kana": [(0x3041, 0x30FF)], "cjk": [(0x4E00, 0x9FFF)],
    "cjk_more": [(0x3400, 0x4DBF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2F800, 0x2FA1F)],
    "marks": [(0x300, 0x36F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20F0), (0xFE20, 0xFE2F)],
    "emoji": [(0x1F300, 0x1FAFF), (0x2600, 0x27BF)], "symbols": [(0x2000, 0x2BFF)], "cjk_marks": [(0x3000, 0x303F)],
    "wide": [(0xFF00, 0xFFEF)], "controls": [(0x00, 0x1F), (0x7F, 0x9F), (0x200B, 0x200F), (0x2028, 0x202F)],
    "private": [(0xE000, 0xF8FF)], "specials": [(0xFFF0, 0xFFFF)], "cased_far": [(0x10400, 0x104FF), (0x1E900, 0x1E95F)],
    "math": [(0x1D400, 0x1D7FF)], "any": [(0x20, 0xD7FF), (0xE000, 0x1FFFF)], "far": [(0x20000, 0x10FFFF)],
}
SPECIALS = ["[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", "[cls]", "[CLS", "CLS]", "[[SEP]]", "[MA\u0301SK]"]
ODD = ["\u0130stanbul", "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3", "\u1e9eSTRASSE", "\ufb01ne", "e\u0301\u0323", "\U0001f469\u200d\U0001f469\u200d\U0001f467",
       "\U0001f1e9\U0001f1ea", "\u1112\u1161\u11ab", "\ufffd", "\u00a0", "\u3000", "\ufeff", "a\u00adb", "##ing", "don't", "$3.50", "\r\n", "\u2028", "x\u0000y",
       "\u0958", "\u01c5", "\u212b", "\u2126", "\u1f80\u0345", "\u0344", "\u0f73\u0f72", "\u00df", "\U00011938", "\U0001d160", "\u1734"]
SPACES = [" ", "  ", "\t", "\n", "\u2003", "\u00a0", "", "-", ", ", ". ", "/"]


def random_char(draw, script):
    first, last = draw.choice(SCRIPTS[script])
    return chr(draw.randint(first, last))


def random_word(draw, vocabulary, scripts):
    kind = draw.random()
    if kind < 0.35:
        word = draw.choice(vocabulary)
        return draw.choice([word, word.capitalize(), word.upper(), word + draw.choice(vocabulary)])
    if kind < 0.40:
        return draw.choice(SPECIALS)
    if kind < 0.47:
        return draw.choice(ODD)
    if kind < 0.49:
        return draw.choice(vocabulary)[:1] * draw.randint(95, 105)
    script = draw.choice(scripts)
    return "".join(random_char(draw, script) for _ in range(draw.randint(1, 9)))


def random_line(draw, vocabulary):
    scripts = draw.sample(sorted(SCRIPTS), 3)
    words = draw.randint(0, 12) if draw.random() < 0.97 else draw.randint(100, 400)
    return "".join(random_word(draw, vocabulary, scripts) + draw.choice(SPACES) for _ in range(words))


def write_lines(tokenizer, draw, count, path):
    vocabulary = sorted(token.removeprefix("##") for token in tokenizer.get_vocab() if not token.startswith("["))
    tokenizer.no_padding()
    with path.open("w") as out:
        for _ in range(count):
            line = random_line(draw, vocabulary)
            limit = draw.choice([8, 16, 128, 256, 512])
            tokenizer.enable_truncation(limit)
            ids = tokenizer.encode(line).ids
            print(line.encode().hex(), limit, " ".join(map(str, ids)), sep="\t", file=out)


def hexadecimal(text):
    return ",".join(f"{ord(c):x}" for c in text)


def write_points(path):
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    lower = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=True)
    strip = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    nfd, words = normalizers.NFD(), pre_tokenizers.BertPreTokenizer()
    with path.open("w") as out:
        for point in range(1, 0x110000):
            if 0xD800 <= point < 0xE000:
                continue
            c = chr(point)
            cut = len(words.pre_tokenize_str("a" + c + "b"))
            decomposed = nfd.normalize_str(c)
            flags = 1 if point != 0xFFFD and clean.normalize_str("a" + c) == "a" else 0
            flags |= {1: 0, 2: 2, 3: 4}[cut]
            flags |= 8 if len(decomposed) == 1 and strip.normalize_str("a" + c) == "a" else 0
            small = lower.normalize_str(c)
            if flags or small != c or decomposed != c:
                print(f"{point:x}", flags, hexadecimal(small), hexadecimal(decomposed), sep="\t", file=out)


def write_order(draw, path):
    nfd = normalizers.NFD()
    with path.open("w") as out:
        for point in range(0x300, 0x20000):
            if 0xD800 <= point < 0xE000:
                continue
            # The overlay (class 1) moves before any mark of a higher class; the iota below (240) behind any lower one.
            text = "a" + chr(point) + "\u0334" + "\u0345" + chr(point)
            print(text.encode().hex(), nfd.normalize_str(text).encode().hex(), sep="\t", file=out)
        for _ in range(2000):
            text = "".join(random_char(draw, draw.choice(["marks", "hebrew", "tibetan", "arabic"])) for _ in range(12))
            print(text.encode().hex(), nfd.normalize_str(text).encode().hex(), sep="\t", file=out)


def main():
    tokenizer_json, out_folder, seed, lines = sys.argv[1:]
    folder = pathlib.Path(out_folder)
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(int(seed))
    write_lines(Tokenizer.from_file(tokenizer_json), draw, int(lines), folder / "lines.tsv")
    write_points(folder / "points.tsv")
    write_order(draw, folder / "order.tsv")


if __name__ == "__main__":
    main()
