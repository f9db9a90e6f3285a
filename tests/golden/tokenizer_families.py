#!/usr/bin/env python3
"""Builds a tokenizer of each family the hub has, and writes what the reference (PyPI `tokenizers`) makes of seeded lines.

usage: tokenizer_families.py OUT_FOLDER SEED LINES

Each tokenizer is trained here, on text that is drawn here, and configured as the hub's are. OUT_FOLDER/FAMILY/ gets
tokenizer.json and lines.tsv: the text as hexadecimal UTF-8, the token limit, the ids. Lines at which the reference
itself breaks down are left out; how many there were is in broken.txt. The patchworks are random lists of normalizers and
pre-tokenizers over a model that shows every byte and every word's end.
"""
import json
import pathlib
import random
import sys

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

import charsmap
from tokenizer_golden import ODD, SCRIPTS, SPACES, random_char

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
BYTE_TOKENS = [f"<0x{byte:02X}>" for byte in range(256)]
CLIP_PATTERN = (r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
LLAMA3_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
                  r"\s+(?!\S)|\s+")
PUNCTUATION = r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]"""

# --- text ---

SYLLABLES = "ka to mi ra ne lo si pu ve da gor bel tin sha ur ing er est un re th st qu ou ai ea".split()
TAILS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "\u2019s", "!", "...", "?!", ",", ";", ":", "--", "/", "_", "1", "42", "2024",
         "1,000.50", "\u00bd", "\u00b2", "\u0664\u0662", "%", "@x.y", "#tag"]
EMOJI = ["\U0001f600", "\u2764\ufe0f", "\U0001f44d\U0001f3fd", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\U0001f3f3\ufe0f\u200d\U0001f308",
         "\U0001f1e9\U0001f1ea", "\U0001f1eb\U0001f1f7\U0001f1e9", "1\ufe0f\u20e3", "\u00a9\u200d\u00a9", "\U0001f9d1\u200d\U0001f4bb", "\u263a", "\U0001fae8"]
BLANKS = [" ", " ", " ", " ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", "\u00a0", "\u2003", "\u3000", "\u200b", "\u2009 ", "\u0085", "\u2028", "\x0b", "\x0c",
          "\x1c", "\ufeff", "\u1680", "\u205f", "\u2581", " \u2581", ""]
COMPOSED = ["e\u0301", "\u00e9", "A\u030a", "\u212b", "o\u0302\u0323", "\u1ed9", "\ufb01n", "\uff21\uff22", "\u2460", "\u33a7", "\ufdfa", "\u1112\u1161\u11ab", "\ud55c", "\u0958",
            "\uff76\uff9e", "\u0b95\u0bca", "q\u0307\u0323", "\u0344", "\u1e9b\u0323", "\u00b4", "\u0345\u0301", "\u2126", "\u017f", "\u01c4", "\u0130", "\u03a3\u03c2", "\u0e33",
            "\u1100\u1161\u11a7", "\uac00\u11a7", "\u00a8", "\u037a", "\u0600a", "\u0d4e\u0d15", "\u0915\u094d\u0937", "a\u200d", "a\u1abf", "a\U0001d165"]


def random_word(draw):
    word = "".join(draw.choice(SYLLABLES) for _ in range(draw.randint(1, 4)))
    return draw.choice([word, word, word.capitalize(), word.upper(), word + draw.choice(TAILS), draw.choice(TAILS)])


def random_piece(draw, scripts):
    kind = draw.random()
    if kind < 0.45:
        return random_word(draw)
    if kind < 0.52:
        return draw.choice(EMOJI) * draw.choice([1, 1, 2])
    if kind < 0.60:
        return draw.choice(COMPOSED)
    if kind < 0.64:
        return draw.choice(ODD)
    if kind < 0.65:
        return draw.choice([random_char(draw, draw.choice(scripts)), "ab", " ", "\u0301", "=", "\U0001f1e6"]) * draw.randint(50, 700)
    script = draw.choice(scripts)
    return "".join(random_char(draw, script) for _ in range(draw.randint(1, 9)))


def random_line(draw):
    scripts = draw.sample(sorted(SCRIPTS), 3)
    pieces = draw.randint(0, 10) if draw.random() < 0.99 else draw.randint(100, 300)
    blanks = BLANKS if draw.random() < 0.7 else SPACES
    lead = draw.choice(BLANKS) if draw.random() < 0.3 else ""
    return lead + "".join(random_piece(draw, scripts) + draw.choice(blanks) for _ in range(pieces))


def training_lines(draw, odd_lines):
    for _ in range(2500):
        yield " ".join(random_word(draw) for _ in range(draw.randint(3, 12)))
    for _ in range(odd_lines):
        yield random_line(draw)[:200]


# --- tokenizers ---

def trained(model, trainer, draw, normalizer=None, pre_tokenizer=None, odd_lines=700):
    tokenizer = Tokenizer(model)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(list(training_lines(draw, odd_lines)), trainer)
    return json.loads(tokenizer.to_str())


def added(content, **flags):
    token = {"id": 0, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return token | flags


def with_added(tokenizer, *tokens):
    """Adds tokens, each with the id that the reference gives it."""
    tokenizer["added_tokens"] = list(tokens)
    loaded = Tokenizer.from_str(json.dumps(tokenizer))
    for token in tokenizer["added_tokens"]:
        token["id"] = loaded.token_to_id(token["content"])
    return tokenizer


def part(value):
    """A component as its JSON."""
    return json.loads(value.__getstate__())


def id_of(tokenizer, content):
    return Tokenizer.from_str(json.dumps(tokenizer)).token_to_id(content)


def roberta(tokenizer, cls, sep):
    tokenizer["post_processor"] = {"type": "RobertaProcessing", "sep": [sep, id_of(tokenizer, sep)], "cls": [cls, id_of(tokenizer, cls)],
                                   "trim_offsets": False, "add_prefix_space": False}
    return tokenizer


def template(tokenizer, single, names):
    ids = [(name, id_of(tokenizer, name)) for name in names]
    tokenizer["post_processor"] = part(processors.TemplateProcessing(single=single, pair=None, special_tokens=ids))
    return tokenizer


def clip(draw, is_whole=True):
    """CLIP and OpenCLIP. Not whole: bytes that end no word of the training text are unknown there."""
    normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    words = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(CLIP_PATTERN), behavior="removed", invert=True),
                                     pre_tokenizers.ByteLevel(add_prefix_space=False)])
    trainer = trainers.BpeTrainer(vocab_size=1600, initial_alphabet=BYTES, max_token_length=64, end_of_word_suffix="</w>", show_progress=False,
                                  special_tokens=[])
    out = trained(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""), trainer, draw, normalizer, words)
    vocabulary = out["model"]["vocab"]
    for byte in BYTES if is_whole else []:
        vocabulary.setdefault(byte + "</w>", len(vocabulary))
    for name in ("<|startoftext|>", "<|endoftext|>"):
        vocabulary[name] = len(vocabulary)
    out["model"]["unk_token"] = "<|endoftext|>"
    out = with_added(out, added("<|startoftext|>", normalized=True), added("<|endoftext|>"))
    out["padding"] = {"strategy": {"Fixed": 77}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
                      "pad_token": "!"}
    return roberta(out, "<|startoftext|>", "<|endoftext|>")


def gpt2(draw, add_prefix_space=False):
    words = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    trainer = trainers.BpeTrainer(vocab_size=1600, initial_alphabet=BYTES, max_token_length=64, show_progress=False)
    return trained(models.BPE(), trainer, draw, None, words)


def gpt2_plain(draw):
    out = with_added(gpt2(draw), added("<|endoftext|>", normalized=True))
    out["post_processor"] = part(processors.ByteLevel(trim_offsets=False))
    out["model"]["merges"] = [" ".join(pair) for pair in out["model"]["merges"]]  # as older files have them
    del out["model"]["type"]
    return out


def roberta_base(draw):
    out = with_added(gpt2(draw, True), added("<s>"), added("<pad>"), added("</s>"), added("<unk>"), added("<mask>", lstrip=True))
    return roberta(out, "<s>", "</s>")


def llama3(draw):
    """A byte-level tokenizer with its own pattern, ignore_merges and a sequence of processors."""
    words = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3_PATTERN), behavior="isolated"),
                                     pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trainer = trainers.BpeTrainer(vocab_size=1600, initial_alphabet=BYTES, max_token_length=64, show_progress=False)
    out = with_added(trained(models.BPE(ignore_merges=True), trainer, draw, None, words), added("<|begin_of_text|>"))
    out["model"]["ignore_merges"] = True
    template(out, "<|begin_of_text|> $A", ["<|begin_of_text|>"])
    out["post_processor"] = {"type": "Sequence", "processors": [part(processors.ByteLevel(trim_offsets=False)), out["post_processor"]]}
    return out


def gemma(draw, prepend=False):
    """Llama 2 and Gemma (SigLIP 2): characters, bytes for what is unknown, the whole text one word."""
    steps = [normalizers.Prepend("\u2581")] if prepend else []
    normalizer = normalizers.Sequence(steps + [normalizers.Replace(" ", "\u2581")])
    trainer = trainers.BpeTrainer(vocab_size=1500, show_progress=False, special_tokens=["<pad>", "<eos>", "<bos>", "<unk>"] + BYTE_TOKENS,
                                  limit_alphabet=120, max_token_length=16)
    words = pre_tokenizers.Split(" ", behavior="merged_with_previous")
    out = trained(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True), trainer, draw, normalizer,
                  pre_tokenizers.Metaspace(prepend_scheme="never"))
    out["pre_tokenizer"] = None if prepend else part(words)
    out["added_tokens"] = out["added_tokens"][:4]
    out["added_tokens"] += [added("<2mass>", special=False, normalized=True), added("[@BOS@]", special=False), added("\n\n", special=False)]
    out = with_added(out, *out["added_tokens"])
    return template(out, "<bos> $A" if prepend else "$A <eos>", ["<bos>", "<eos>"])


def unigram(draw, normalizer, words, specials, byte_fallback=False):
    trainer = trainers.UnigramTrainer(vocab_size=2500, show_progress=False, special_tokens=specials, unk_token="<unk>")
    out = trained(models.Unigram(), trainer, draw, normalizer, words, odd_lines=50)
    out["model"]["byte_fallback"] = byte_fallback
    return out


def sentencepiece_normalizer():
    return normalizers.Sequence([normalizers.Precompiled(charsmap.nfkc()), normalizers.Strip(left=False, right=True),
                                 normalizers.Replace(Regex(" {2,}"), "\u2581")])


def xlm_r(draw):
    words = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")])
    out = unigram(draw, normalizers.Precompiled(charsmap.nfkc()), words, ["<s>", "<pad>", "</s>", "<unk>"])
    out["pre_tokenizer"]["pretokenizers"][1] = {"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": True}  # as older files
    out = with_added(out, added("<s>"), added("<pad>"), added("</s>"), added("<unk>"), added("<mask>", lstrip=True, normalized=True))
    return template(out, "<s> $A </s>", ["<s>", "</s>"])


def siglip(draw):
    normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(Regex(PUNCTUATION), ""),
                                       normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip(), normalizers.Precompiled(charsmap.nfkc())])
    out = unigram(draw, normalizer, pre_tokenizers.Metaspace(prepend_scheme="always"), ["<pad>", "</s>", "<unk>"])
    out = with_added(out, added("<unk>", special=True), added("</s>"))
    out["padding"] = {"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 1, "pad_type_id": 0,
                      "pad_token": "</s>"}
    return template(out, "$A </s>", ["</s>"])


def t5(draw, byte_fallback=False):
    out = unigram(draw, sentencepiece_normalizer(), pre_tokenizers.Metaspace(prepend_scheme="first"), ["<pad>", "</s>", "<unk>"], byte_fallback)
    if byte_fallback:
        out["model"]["vocab"] += [[token, 0.0] for token in BYTE_TOKENS]
    out = with_added(out, added("<pad>"), added("</s>"), added("<unk>"), *(added(f"<extra_id_{i}>") for i in range(20)))
    return template(out, "$A </s>", ["</s>"])


def albert(draw):
    normalizer = normalizers.Sequence([normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(), normalizers.StripAccents(),
                                       normalizers.Lowercase(), normalizers.Precompiled(charsmap.nfkc())])
    words = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    out = unigram(draw, normalizer, words, ["<pad>", "<unk>", "[CLS]", "[SEP]"])
    out = with_added(out, added("[CLS]"), added("[SEP]"), added("[MASK]", lstrip=True), added("Tora", special=False, normalized=True, single_word=True))
    return template(out, "[CLS] $A [SEP]", ["[CLS]", "[SEP]"])


def bert(draw, lower_case=True):
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    normalizer = normalizers.BertNormalizer(lowercase=lower_case)
    trainer = trainers.WordPieceTrainer(vocab_size=1500, special_tokens=names, show_progress=False)
    out = trained(models.WordPiece(unk_token="[UNK]"), trainer, draw, normalizer, pre_tokenizers.BertPreTokenizer())
    extra = [added("tora", special=False, single_word=True), added("Belsi", special=False, normalized=True, rstrip=True)]
    out = with_added(out, *(added(name) for name in names), *extra)
    return template(out, "[CLS] $A [SEP]", ["[CLS]", "[SEP]"])


# --- patchworks ---

BEHAVIORS = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
PATTERNS = [Regex(r"\s+"), Regex(r"\p{L}+|\p{N}"), Regex(LLAMA3_PATTERN), Regex(r"[aeiou]{1,2}"), Regex(r"\w+"), Regex(r"(?<=[a-z])\d|-"), Regex(r"x*"), " ",
            "in", "", ".", Regex(r"[^\W\d_]+|\d"), Regex(r"\p{Han}|\p{Mn}"), Regex(r"(?i)KA|ss"), Regex(r"^.|$"), Regex(r"\b")]


def random_normalizer(draw):
    return draw.choice([
        lambda: normalizers.NFC(), lambda: normalizers.NFD(), lambda: normalizers.NFKC(), lambda: normalizers.NFKD(),
        lambda: normalizers.Lowercase(), lambda: normalizers.StripAccents(), lambda: normalizers.Nmt(),
        lambda: normalizers.Strip(draw.random() < 0.7, draw.random() < 0.7), lambda: normalizers.Prepend(draw.choice(["\u2581", "x ", " "])),
        lambda: normalizers.Replace(draw.choice(PATTERNS), draw.choice(["", " ", "\u2581", "yz"])), lambda: normalizers.Precompiled(charsmap.nfkc()),
        lambda: normalizers.BertNormalizer(draw.random() < 0.5, draw.random() < 0.5, draw.choice([None, True, False]), draw.random() < 0.5)])()


def random_pre_tokenizer(draw):
    behavior = draw.choice(BEHAVIORS)
    return draw.choice([
        lambda: pre_tokenizers.Whitespace(), lambda: pre_tokenizers.WhitespaceSplit(), lambda: pre_tokenizers.Punctuation(behavior),
        lambda: pre_tokenizers.Digits(draw.random() < 0.5), lambda: pre_tokenizers.Split(draw.choice(PATTERNS), behavior, draw.random() < 0.4),
        lambda: pre_tokenizers.Metaspace(prepend_scheme=draw.choice(["always", "first", "never"]), split=draw.random() < 0.7),
        lambda: pre_tokenizers.ByteLevel(draw.random() < 0.5, use_regex=draw.random() < 0.6), lambda: pre_tokenizers.BertPreTokenizer(),
        lambda: pre_tokenizers.CharDelimiterSplit(draw.choice(["a", " ", "\u00e9"])), lambda: pre_tokenizers.FixedLength(draw.randint(1, 7))])()


def one_patchwork(draw):
    tokens = BYTE_TOKENS + ["<unk>"] + [text + end for text in ["ka", "to", "k", "a", "t", "o", " ", "\u2581", "e", "\u00e9"] for end in ("", "</w>")]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    merges = [("k", "a"), ("t", "o"), ("k", "a</w>"), ("t", "o</w>")]
    model = models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", end_of_word_suffix="</w>", byte_fallback=True)
    tokenizer = Tokenizer(model)
    steps = [random_normalizer(draw) for _ in range(draw.randint(0, 3))]
    words = [random_pre_tokenizer(draw) for _ in range(draw.randint(0, 3))]
    if steps:
        tokenizer.normalizer = steps[0] if len(steps) == 1 else normalizers.Sequence(steps)
    if words:
        tokenizer.pre_tokenizer = words[0] if len(words) == 1 else pre_tokenizers.Sequence(words)
    out = json.loads(tokenizer.to_str())
    flags = lambda name: {name: draw.random() < 0.5}
    extra = [added("<m>", **flags("lstrip"), **flags("rstrip"), **flags("single_word")),
             added("ra", special=False, **flags("single_word"), **flags("normalized")), added(" ne", special=False, **flags("rstrip")),
             added("Ka", special=False, normalized=draw.random() < 0.5)]
    # Of two that are looked for as the same text the reference takes either, by chance.
    sought = [tokenizer.normalizer.normalize_str(one["content"]) if one["normalized"] and steps else one["content"] for one in extra]
    return with_added(out, *extra) if len(set(sought)) == len(sought) and all(sought) else None


def patchwork(draw):
    while True:
        try:
            out = one_patchwork(draw)
        except BaseException as error:  # the reference's own panics are no Exception
            if isinstance(error, KeyboardInterrupt):
                raise
            out = None
        if out is not None:
            return out


FAMILIES = {
    "clip": clip, "clip_with_gaps": lambda draw: clip(draw, False), "gpt2": gpt2_plain, "roberta": roberta_base, "llama3": llama3,
    "gemma": gemma, "llama2": lambda draw: gemma(draw, True), "xlm_r": xlm_r, "siglip": siglip, "t5": t5,
    "t5_bytes": lambda draw: t5(draw, True), "albert": albert, "bert": bert, "bert_cased": lambda draw: bert(draw, False),
}
PATCHWORKS = 40


# --- lines ---

def with_specials(draw, line, contents):
    if not contents or draw.random() < 0.6:
        return line
    for _ in range(draw.randint(1, 3)):
        at = draw.randint(0, len(line))
        token = draw.choice(contents)
        line = line[:at] + draw.choice([token, token, " " + token + " ", token.upper(), token + token]) + line[at:]
    return line


def write_family(name, tokenizer, pool, seed, folder):
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(tokenizer, ensure_ascii=False)
    (folder / "tokenizer.json").write_text(text)
    reference = Tokenizer.from_str(text)
    reference.no_padding()
    contents = [token["content"] for token in tokenizer["added_tokens"]]
    broken = 0
    with (folder / "lines.tsv").open("w") as out:
        for number, line in enumerate(pool):
            draw = random.Random(f"{seed}/{name}/{number}")
            line = with_specials(draw, line, contents)
            limit = draw.choice([8, 77, 512, 8192])
            try:
                reference.enable_truncation(limit)
                ids = reference.encode(line).ids
            except BaseException as error:  # the reference's own panics are no Exception
                if isinstance(error, KeyboardInterrupt):
                    raise
                broken += 1
                continue
            print(line.encode().hex(), limit, " ".join(map(str, ids)), sep="\t", file=out)
    (folder / "broken.txt").write_text(f"{broken}\n")


def main():
    out_folder, seed, lines = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    draw = random.Random(f"{seed}/lines")
    pool = [random_line(draw) for _ in range(lines)]
    for name, build in FAMILIES.items():
        write_family(name, build(random.Random(f"{seed}/{name}")), pool, seed, out_folder / name)
    share = max(lines // PATCHWORKS, 1)
    for number in range(PATCHWORKS):
        name = f"patchwork_{number}"
        write_family(name, patchwork(random.Random(f"{seed}/{name}")), pool[number * share:(number + 1) * share], seed, out_folder / name)


if __name__ == "__main__":
    main()
