"""The pictures and texts that every golden family sees: drawn from a seed, the same bytes for the same Pillow."""
import pathlib

import numpy
from PIL import Image, ImageOps

LOADER = "PIL.Image.open, ImageOps.exif_transpose, convert('RGB')"
ORIENTATION = 0x0112


def colours(draw, width, height, bands=3):
    """What a photo has: a smooth ground, hard edges, and fine grain that a wrong filter smears."""
    y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float64)
    out = numpy.empty((height, width, bands))
    for band in range(bands):
        angle, waves, phase = draw.uniform(0, numpy.pi), draw.uniform(1, 9), draw.uniform(0, 6)
        along = (x * numpy.cos(angle) + y * numpy.sin(angle)) / max(width, height)
        out[:, :, band] = 120 + 70 * numpy.sin(2 * numpy.pi * waves * along + phase)
    for _ in range(9):
        left, top = draw.integers(0, width), draw.integers(0, height)
        right, bottom = left + draw.integers(1, width + 1), top + draw.integers(1, height + 1)
        out[top:bottom, left:right] += draw.uniform(-110, 110, bands)
    out += draw.normal(0, 14, out.shape)
    out[(x + y).astype(int) % 23 == 0] += 40
    return numpy.clip(out, 0, 255).astype(numpy.uint8)


def rgb(draw, width, height):
    return Image.fromarray(colours(draw, width, height))


def rotated(draw, path, width, height, orientation):
    picture = rgb(draw, width, height)
    exif = picture.getexif()
    exif[ORIENTATION] = orientation
    picture.save(path, quality=93, exif=exif)


def see_through(draw, path):
    alpha = numpy.linspace(0, 255, 200).astype(numpy.uint8)[:, None].repeat(300, 1)
    Image.fromarray(numpy.dstack([colours(draw, 300, 200), alpha])).save(path)


def palette(draw, path):
    rgb(draw, 256, 300).quantize(97, method=Image.Quantize.MEDIANCUT).save(path, transparency=5)


def deep_grey(draw, path):
    wide = colours(draw, 211, 180, 1)[:, :, 0].astype(numpy.uint16) * 257
    Image.fromarray(wide).save(path)


def four_inks(draw, path):
    Image.frombytes("CMYK", (320, 240), colours(draw, 320, 240, 4).tobytes()).save(path, quality=92)


def grey(draw, width, height):
    return Image.fromarray(colours(draw, width, height, 1)[:, :, 0])


# Name of the file, what it tries, how it is written.
PICTURES = [
    ("00-photo.png", "RGB", lambda draw, path: rgb(draw, 640, 480).save(path)),
    ("01-photo.jpg", "JPEG, 4:2:0, larger", lambda draw, path: rgb(draw, 900, 700).save(path, quality=90)),
    ("02-turned.jpg", "EXIF orientation 6: a quarter turn", lambda draw, path: rotated(draw, path, 500, 301, 6)),
    ("03-mirrored.jpg", "EXIF orientation 5: transposed", lambda draw, path: rotated(draw, path, 257, 412, 5)),
    ("04-grey.jpg", "JPEG with one component", lambda draw, path: grey(draw, 333, 257).save(path, quality=88)),
    ("05-alpha.png", "RGBA: the alpha is dropped", see_through),
    ("06-palette.png", "palette with a transparent entry", palette),
    ("07-inks.jpg", "CMYK JPEG", four_inks),
    ("08-thread.png", "one pixel wide", lambda draw, path: rgb(draw, 1, 300).save(path)),
    ("09-strip.png", "wide and low", lambda draw, path: rgb(draw, 401, 37).save(path)),
    ("10-deep.png", "16-bit grey: Pillow keeps it wide, then clips", deep_grey),
    ("11-exact.png", "already the size", lambda draw, path: rgb(draw, 224, 224).save(path)),
    ("12-bits.png", "1 bit", lambda draw, path: grey(draw, 301, 299).convert("1").save(path)),
    ("13-tiny.png", "far smaller than the size", lambda draw, path: rgb(draw, 7, 5).save(path)),
]

# Their sizes try nothing that another picture does not: no tensor is kept of them, only pixels and vectors.
WITHOUT_TENSOR = {"03", "04", "05", "06", "07", "12"}

TEXTS = [
    "a photo of a cat", "A Photo Of A CAT.", "", " ", "two dogs playing in the snow", "cat",
    "a red bicycle leaning against a brick wall in the rain, 4k, highly detailed!!!",
    "  leading, trailing   and \t inner\nspaces  ", "don't can't it's we'll I'd you've they're",
    "3 cats, 14 dogs and 159 birds", "e-mail: someone@example.org", "hello... world?! (yes) [no] {maybe}",
    "Ein Zug fährt über die Brücke", "un café près de la forêt, déjà vu", "cafe\u0301 in two code points",
    "Ångström, naïve, façade, smörgåsbord", "猫が好き", "一只红色的自行车", "собака бежит по снегу", "كلب في الثلج",
    "एक लाल साइकिल", "빨간 자전거", "ένα σκυλί στο ΧΙΟΝΙ", "👍", "a dog 🐶 and a cat 🐱 at the 🏖️", "👩‍👩‍👧‍👦 family",
    "ﬁne ﬂour, ½ cup, ① one, ™", "ＦＵＬＬ ｗｉｄｔｈ", "zero\u200bwidth and no\u00a0break", "&lt;b&gt; fish &amp; chips",
    "<|startoftext|> a trap <|endoftext|>", "</s> another <unk> trap", "snake_case and kebab-case and CamelCase",
    "the quick brown fox jumps over the lazy dog " * 12, "a" * 300, "supercalifragilisticexpialidocious",
    "cat " * 76, "x y z " * 21 + "end",
]


def drawn_texts(draw, count):
    """Words put together at random: lower and upper case, commas, numbers."""
    words = ("white black small large wooden old shoe table river market ceramic bowl blue striped shirt train mountain "
             "child window bridge lamp green leather portrait of with near under on beside").split()
    for _ in range(count):
        chosen = [str(draw.choice(words)) for _ in range(draw.integers(3, 22))]
        if draw.random() < 0.3:
            chosen.insert(draw.integers(0, len(chosen)), str(draw.integers(0, 3000)))
        text = " ".join(chosen)
        yield text.title() if draw.random() < 0.2 else text


def texts(seed):
    draw = numpy.random.default_rng([seed, 2])
    return TEXTS + list(drawn_texts(draw, max(0, 42 - len(TEXTS))))


def load(path):
    """The loader that transformers' load_image and its examples use."""
    with Image.open(path) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB")


def write_pictures(folder, seed):
    """Writes the picture files; [(name, what it tries, upright RGB picture)]."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number, (name, what, write) in enumerate(PICTURES):
        write(numpy.random.default_rng([seed, 1, number]), folder / name)
        made.append((name, what, load(folder / name)))
    return made
