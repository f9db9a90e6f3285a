"""Claim: `pictor encoder verify --against` names the stage at which another stack departs, and no other.

The other stack is Python's: Pillow, tokenizers and onnxruntime on the files of the hub folder."""
import json

import claims
import numpy
import reference
from encode_peer import Prepare
from encoders_house import CLIP, claim, drawn_pictures, drawn_texts, golden, house
from PIL import Image

PICTURES, TEXTS, ROUNDS = 4, 4, 3


class Foreign:
    """What another stack records of pictures and texts. A spoiler changes one stage; what follows is made of that."""

    def __init__(self, home):
        import onnxruntime
        import tokenizers
        hub, self.folder = golden(CLIP), home.folder
        self.card = json.loads((home.encoders / CLIP / "card.json").read_text())
        self.prepare = Prepare(home.encoders / CLIP / "card.json")
        self.tokenizer = tokenizers.Tokenizer.from_file(str(hub / "tokenizer.json"))
        self.networks = {name: onnxruntime.InferenceSession(str(hub / f"onnx/{name}_model.onnx"),
                                                            providers=["CPUExecutionProvider"]) for name in ("vision", "text")}

    def raw(self, numbers, kind, of):
        out = self.folder / f"{of}.{kind}"
        numpy.ascontiguousarray(numbers).tofile(out)
        return str(out)

    def picture(self, number, path, spoil):
        pixels = numpy.asarray(reference.read_rgb(path, self.prepare.spec))
        pixels = spoil.get("decoded", lambda same: same)(pixels)
        tensor = spoil.get("tensor", self.tensor)(pixels)
        names = [port.name for port in self.networks["vision"].get_outputs()]
        found = dict(zip(names, self.networks["vision"].run(None, {"pixel_values": tensor[None]})))
        vector = spoil.get("vector", lambda outputs: outputs["image_embeds"][0])(found)
        return {"picture": str(path), "decoded": self.raw(pixels, "u8", f"p{number}"),
                "tensor": self.raw(tensor, "f32", f"p{number}"), "vector": [float(value) for value in vector], "head": "joint"}

    def tensor(self, pixels, resample=None, swap=False, mean=None):
        spec = self.prepare.spec
        kept, spec.filter = spec.filter, resample or spec.filter
        small = reference.prepare_u8(Image.fromarray(pixels), spec)[..., ::-1 if swap else 1]
        spec.filter = kept
        steps = (small.astype(numpy.float32) * self.prepare.scale - (spec.mean if mean is None else mean)) / spec.std
        return numpy.ascontiguousarray(steps.transpose(2, 0, 1), dtype="<f4")

    def text(self, text, spoil):
        ids = self.tokenizer.encode(text).ids
        ids = spoil.get("token_ids", lambda same: same)(ids[:76] + ids[-1:] if len(ids) > 77 else ids)
        ids = numpy.array([ids + [ids[-1]] * (77 - len(ids))], dtype=numpy.int64)
        ports = [port.name for port in self.networks["text"].get_inputs()]
        given = {"input_ids": ids, "attention_mask": (numpy.cumsum(ids == ids[0, -1], axis=1) <= 1).astype(numpy.int64)}
        names = [port.name for port in self.networks["text"].get_outputs()]
        found = dict(zip(names, self.networks["text"].run(None, {name: given[name] for name in ports})))
        vector = spoil.get("text vector", lambda outputs: outputs["text_embeds"][0])(found)
        return {"text": text, "token_ids": ids[0].tolist(), "vector": [float(value) for value in vector], "head": "joint"}


def spoilers(foreign, random):
    """(what is done, {stage: by what}, (kind, stage) that must be named)."""
    def end_lost(ids):
        return ids[:-2] + ids[-1:]
    return (("bilinear", {"tensor": lambda pixels: foreign.tensor(pixels, Image.Resampling.BILINEAR)}, ("pictures", "tensor")),
            ("BGR", {"tensor": lambda pixels: foreign.tensor(pixels, swap=True)}, ("pictures", "tensor")),
            ("another mean", {"tensor": lambda pixels: foreign.tensor(pixels, mean=numpy.float32(random.uniform(0.4, 0.6)))},
             ("pictures", "tensor")),
            ("upside down", {"decoded": lambda pixels: numpy.ascontiguousarray(pixels[::-1])}, ("pictures", "decoded")),
            ("brighter", {"decoded": lambda pixels: (pixels // 2 + random.randrange(30, 90)).astype(numpy.uint8)},
             ("pictures", "decoded")),
            ("class token for the projection", {"vector": lambda found: numpy.resize(found["last_hidden_state"][0, 0], 512)},
             ("pictures", "vector")),
            ("a token lost", {"token_ids": end_lost}, ("texts", "token_ids")),
            ("noise", {"text vector": lambda found: found["text_embeds"][0] * numpy.random.default_rng(
                random.randrange(2**31)).uniform(0.5, 1.5, 512)}, ("texts", "vector")))


def verdict(home, foreign, pictures, texts, spoil):
    lines = [foreign.picture(number, path, spoil) for number, path in enumerate(pictures)]
    lines += [foreign.text(text, spoil) for text in texts]
    records = home.folder / "records.jsonl"
    records.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    report = home.json("encoder", "verify", CLIP, "--against", records, statuses=(0, 5))
    return [(one["kind"], one["stage"]) for one in report["departures"]], report["stages"]


@claim("against", "another stack's records: no departure as they are; spoiled at one stage, that stage is named and no other")
def against(context):
    random, tried, wrong = context.random("against"), 0, []
    with house() as home:
        home.add()
        foreign = Foreign(home)
        for turn in range(ROUNDS):
            pictures = drawn_pictures(context, f"against {turn}", PICTURES)
            texts = drawn_texts(context, f"against {turn}", TEXTS)
            for what, spoil, wanted in (("nothing", {}, None), *spoilers(foreign, random)):
                named, stages = verdict(home, foreign, pictures, texts, spoil)
                tried += 1
                if named != ([wanted] if wanted else []):
                    wrong.append({"what": what, "wanted": wanted, "named": named, "stages": stages})
    figure = (f"{tried - len(wrong)} of {tried} records judged rightly: as they are, and {len(spoilers(foreign, random))} ways of "
              f"going apart, {PICTURES} pictures and {TEXTS} texts drawn for each of {ROUNDS} rounds")
    return claims.Finding(not wrong, figure + (f"; first: {wrong[0]}" if wrong else ""), {"wrong": wrong})
