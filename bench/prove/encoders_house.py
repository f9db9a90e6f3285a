"""A home of its own for a claim about encoders: data, added encoders and pictures that are drawn, gone afterwards."""
import contextlib
import json
import pathlib
import shutil
import tempfile

import claims
import common
import encode
import ingest
import ours
from encode_networks import calibration_folder
from line_encoder import WORDS

EVALUATED = 100  # pictures by which the program measures what quantising loses
CLIP = "clip"  # the small CLIP of tools/golden, added as users add theirs


def golden(family):
    return common.need(common.DEPS / "golden" / family / "hub", "run `tools/setup golden`")


class House:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.data, self.encoders, self.weights = self.folder / "data", self.folder / "encoders", common.WEIGHTS

    def call(self, *arguments, env=None, timeout=1800):
        return ours.call(*arguments, data=self.data, timeout=timeout,
                         env={"PICTOR_ENCODERS": str(self.encoders), "PICTOR_WEIGHTS": str(self.weights), **(env or {})})

    def must(self, *arguments, statuses=(0,), **how):
        return self.call(*arguments, **how).must(*statuses)

    def json(self, *arguments, **how):
        """The first document that the program prints: `verify` prints another one for its error."""
        return json.JSONDecoder().raw_decode(self.must("--json", *arguments, **how).out)[0]

    def tool(self, name, *arguments, env=None, timeout=1800):
        """A program of bench/macro that takes the three places of encoders first; its lines, split into words."""
        went = common.run([ours.tool(name), common.CARDS, self.weights, self.encoders, *arguments], env=env, timeout=timeout)
        return [line.split() for line in went.must(0).out.splitlines()]

    def own_weights(self, encoders):
        """Links to the weights of shipped encoders: fingerprints that were kept beside these are not those of this program."""
        self.weights = self.folder / "weights"
        for encoder in encoders:
            (self.weights / encoder).mkdir(parents=True)
            for file in (common.WEIGHTS / encoder).iterdir():
                if file.name != "fingerprints.json":
                    (self.weights / encoder / file.name).symlink_to(file)

    def add(self, family=CLIP, name=CLIP):
        self.must("encoder", "add", golden(family), "--name", name)
        return name

    def index(self, inputs, encoder, collection, keep="reference", extra=()):
        return self.json("index", inputs, "--encoder", encoder, "--collection", collection, "--keep", keep, "--no-progress",
                         *extra)

    def exported(self, collection, head):
        """Rows of a collection in the order of their ids."""
        import numpy
        out = self.folder / "exported.npy"
        self.must("export", out, "--collection", collection, "--head", head, "--format", "npy", "--force")
        ids = [json.loads(line) for line in out.with_suffix(".ids.jsonl").read_text().split("\n") if line]
        return numpy.load(out)[numpy.argsort(ids)]

    def listed(self, name, lines):
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    def copy(self, folder):
        other = House(folder)
        shutil.copytree(self.folder, other.folder, dirs_exist_ok=True)
        return other


@contextlib.contextmanager
def house():
    with tempfile.TemporaryDirectory(dir=common.scratch(), prefix="house-") as folder:
        yield House(folder)


def kept_house(context, key, fill):
    """One that several claims share: filled once, gone when the run ends."""
    def measure():
        holder = tempfile.TemporaryDirectory(dir=common.scratch(), prefix="house-")
        home = House(holder.name)
        home.holder = holder
        fill(home)
        return home
    return context.once(("house", key), measure)


def drawn_pictures(context, purpose, count):
    """PNGs with and without alpha, and JPEGs: stamps and parts of wallpapers in turn."""
    random = context.random(purpose)
    photos = random.sample(list(encode.pictures()), min(count // 2, encode.MEASURED))
    return photos + random.sample(ingest.stamp_files(), count - len(photos))


def drawn_texts(context, purpose, count):
    random = context.random(purpose)
    return [" ".join(random.choices(WORDS, k=random.choice((1, 3, 8, 40)))) for _ in range(count)]


def quantized(context, home, encoder, images, extra=()):
    """What the program says of NAME-int8: calibrated on drawn pictures, its loss measured on others."""
    calibration = ingest.lay_out(context.random("calibrate").sample(sorted(calibration_folder().iterdir()), images),
                                 home.folder / "calibration")[0].parent
    evaluation = ingest.lay_out(drawn_pictures(context, "evaluate", EVALUATED), home.folder / "evaluation")[0].parent
    return home.json("encoder", "quantize", encoder, "--calibration", calibration, "--evaluate", evaluation, "--images", images,
                     *extra)


def claim(name, wanted):
    return claims.claim(name, wanted, what="encoders")
