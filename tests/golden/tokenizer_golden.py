#!/usr/bin/env python3
"""Writes what the reference tokenizer (PyPI `tokenizers`) makes of seeded lines of mixed scripts, and of every code point.

usage: tokenizer_golden.py TOKENIZER_JSON OUT_FOLDER SEED LINES

lines.tsv:  the text as hexadecimal UTF-8, the token limit, the ids
points.tsv: code point, flags (1 other, 2 space, 4 punctuation, 8 non-spacing mark, 16 number, 32 of a word, 64 mark,
            128 joins a letter before it), lower case, NFD, NFC, NFKD, NFKC, all hexadecimal; code points with no flag
            that stay as they are have no row
classes.tsv: a class of regular expressions, the runs of code points in it
order.tsv:  strings of combining marks and their NFD
"""
import pathlib
import random
import sys

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

import charsmap

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


def alone_in(words, text_of, first, points):
    """The points that `words` makes a word of their own, when they stand in text_of(character) at place `first`."""
    out = set()
    for at in range(0, len(points), 100_000):
        some = points[at:at + 100_000]
        text = "".join(text_of(chr(point)) for point in some)
        size = len(text) // len(some)
        starts = {place[0]: place[1] for _, place in words.pre_tokenize_str(text)}
        out |= {point for i, point in enumerate(some) if starts.get(size * i + first) == size * i + first + 1}
    return out


def forms(normalizer, points):
    """What the normalizer makes of each point; all at once, with a line feed between."""
    return normalizer.normalize_str("\n".join(map(chr, points))).split("\n")


def joined_by(points):
    """The points that stay in one grapheme cluster with a letter before them, for clusters of at most five bytes: a map of
    characters replaces the cluster by its first match."""
    joins = normalizers.Precompiled(charsmap.of({b"a": 0}, b"X\0"))
    return {point for point in points if joins.normalize_str("a" + chr(point)) == "X"}


def write_points(path):
    clean = normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    lower = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=True)
    strip = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    bert = pre_tokenizers.BertPreTokenizer()
    points = [point for point in range(1, 0x110000) if not 0xD800 <= point < 0xE000 and point != 0xA]
    nfd, nfc, nfkd, nfkc = (forms(one, points) for one in (normalizers.NFD(), normalizers.NFC(), normalizers.NFKD(), normalizers.NFKC()))
    numbers = alone_in(pre_tokenizers.Digits(individual_digits=True), lambda c: "a" + c + "b", 1, points)
    no_words = alone_in(pre_tokenizers.Whitespace(), lambda c: "a " + c + "a ", 2, points)
    blanks = set(points) - set(map(ord, normalizers.Replace(Regex(r"\s"), "").normalize_str("".join(map(chr, points)))))
    marks = set(points) - set(map(ord, normalizers.StripAccents().normalize_str("".join(map(chr, points)))))
    joins = joined_by(points)
    with path.open("w") as out:
        for i, point in enumerate(points):
            c = chr(point)
            cut = len(bert.pre_tokenize_str("a" + c + "b"))
            flags = 1 if point != 0xFFFD and clean.normalize_str("a" + c) == "a" else 0
            flags |= {1: 0, 2: 2, 3: 4}[cut]
            flags |= 8 if len(nfd[i]) == 1 and strip.normalize_str("a" + c) == "a" else 0
            flags |= (16 if point in numbers else 0) | (32 if point not in no_words and point not in blanks else 0)
            flags |= (64 if point in marks else 0) | (128 if point in joins else 0)
            row = [lower.normalize_str(c), nfd[i], nfc[i], nfkd[i], nfkc[i]]
            if flags or any(text != c for text in row):
                print(f"{point:x}", flags, *map(hexadecimal, row), sep="\t", file=out)


CLASSES = ["p{%s}" % name for name in ("Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co "
                                       "L N P S M Alpha Punct Han").split()] + ["s", "w", "d"]


def write_classes(path):
    """Of each class of a regular expression, the runs of code points that are in it."""
    points = [point for point in range(1, 0x110000) if not 0xD800 <= point < 0xE000]
    every = "".join(map(chr, points))
    with path.open("w") as out:
        for name in CLASSES:
            left = set(map(ord, normalizers.Replace(Regex(f"\\{name}+"), "").normalize_str(every)))
            runs, last = [], None
            for point in points:
                if point in left:
                    last = None
                elif last is None or point != last + 1:
                    runs.append([point, point])
                    last = point
                else:
                    runs[-1][1] = last = point
            print(name, " ".join(f"{first:x}-{end:x}" for first, end in runs), sep="\t", file=out)


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
    write_classes(folder / "classes.tsv")
    write_order(draw, folder / "order.tsv")


if __name__ == "__main__":
    main()
