"""The tokenizer files of the golden folders.

CLIP's is the real one: open_clip's wheel carries its merges. SigLIP's vocabulary is in no registry, so a small one of
the same kind (sentencepiece Unigram, nmt_nfkc, </s> = 1, <unk> = 2) is trained on the words of CLIP's merges.
"""
import gzip
import io
import json
import pathlib
import string

import numpy
import open_clip
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import CLIPTokenizer, CLIPTokenizerFast, SiglipTokenizer
from transformers.convert_slow_tokenizer import import_protobuf

MERGES = 49152 - 256 - 2
SIGLIP_PIECES = 2000
START, END = "<|startoftext|>", "<|endoftext|>"


def clip_merges():
    path = pathlib.Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    return gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")[1:MERGES + 1]


def clip_vocabulary(merges):
    """Ids as OpenAI's tokenizer gives them: bytes, bytes at a word's end, merges, the two marks."""
    from open_clip.tokenizer import bytes_to_unicode
    letters = list(bytes_to_unicode().values())
    pieces = letters + [letter + "</w>" for letter in letters] + ["".join(pair.split()) for pair in merges]
    return {piece: number for number, piece in enumerate([*pieces, START, END])}


def write_clip(hub):
    """vocab.json, merges.txt, tokenizer.json, tokenizer_config.json, special_tokens_map.json; the fast tokenizer."""
    hub = pathlib.Path(hub)
    merges = clip_merges()
    (hub / "vocab.json").write_text(json.dumps(clip_vocabulary(merges), ensure_ascii=False), encoding="utf-8")
    (hub / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    slow = CLIPTokenizer(str(hub / "vocab.json"), str(hub / "merges.txt"), pad_token=END, model_max_length=77)
    slow.save_pretrained(hub)
    fast = CLIPTokenizerFast.from_pretrained(hub)
    fast.save_pretrained(hub)
    return fast


def siglip_corpus():
    """Lines of the words that CLIP's merges make whole, the earlier the more often."""
    words = [pair.replace(" ", "").removesuffix("</w>") for pair in clip_merges() if pair.endswith("</w>")]
    words = [word for word in words if word.isascii() and word.isalpha()][:6000]
    odds = 1.0 / numpy.arange(8, 8 + len(words))
    draw = numpy.random.default_rng(64)
    for _ in range(6000):
        yield " ".join(draw.choice(words, size=draw.integers(4, 14), p=odds / odds.sum()))
    for word in words:
        yield word


def train_siglip(path):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=siglip_corpus(), model_writer=model, vocab_size=SIGLIP_PIECES, model_type="unigram",
        normalization_rule_name="nmt_nfkc", pad_id=0, eos_id=1, unk_id=2, bos_id=-1, num_threads=1,
        required_chars=string.ascii_lowercase + string.digits + "éèüöäßñçа猫🐶", minloglevel=2)
    path.write_bytes(model.getvalue())


def siglip_fast(path):
    """tokenizer.json as SigLIP repositories have it: T5's Unigram after lower case and without punctuation."""
    proto = import_protobuf().ModelProto.FromString(path.read_bytes())
    tokenizer = Tokenizer(Unigram([(piece.piece, piece.score) for piece in proto.pieces], proto.trainer_spec.unk_id, False))
    punctuation = "".join("\\" + mark for mark in string.punctuation)
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Lowercase(), normalizers.Replace(Regex(f"[{punctuation}]"), ""), normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(), normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap)])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    marks = [AddedToken(mark, lstrip=True, rstrip=True, normalized=False, special=True) for mark in ("</s>", "<unk>")]
    tokenizer.add_special_tokens(marks)
    return tokenizer


def write_siglip(hub, length=64):
    """spiece.model, tokenizer.json, tokenizer_config.json; the reference's slow tokenizer and the fast one."""
    hub = pathlib.Path(hub)
    train_siglip(hub / "spiece.model")
    slow = SiglipTokenizer(str(hub / "spiece.model"), model_max_length=length)
    slow.save_pretrained(hub)
    fast = siglip_fast(hub / "spiece.model")
    # As on the hub, the file says nothing of length and padding: tokenizer_config.json and the model's class do.
    fast.save(str(hub / "tokenizer.json"))
    fast.enable_truncation(length)
    fast.enable_padding(length=length, pad_id=1, pad_token="</s>")
    return slow, fast
