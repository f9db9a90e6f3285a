"""Vectors of 128 numbers from photos, made as SIFT's descriptors are, for the benches of indexes.

After Lowe, "Distinctive Image Features from Scale-Invariant Keypoints" (IJCV 2004), section 6: histograms of the directions of
gradients, 8 in each of 4 x 4 cells, normalised, cut at 0.2, normalised again, in steps of 1/512. Where we differ: places and
sizes are drawn at random instead of found, patches are not turned, and a gradient counts for one cell and one direction alone.
What matters here is how such vectors are distributed, not whether they match.
"""
import numpy

PATCH, CELLS, DIRECTIONS = 16, 4, 8
POOL_PART = 10  # every tenth picture gives queries alone


def patches_of(image, count, random):
    """`count` patches of 16 x 16 from a grey picture, from places and scales drawn at random."""
    pixels = []
    for scale in (1.0, 0.6, 0.36):
        size = max(PATCH + 2, int(image.width * scale)), max(PATCH + 2, int(image.height * scale))
        pixels.append(numpy.asarray(image.resize(size), dtype=numpy.float32))
    for level in random.integers(0, len(pixels), size=count):
        height, width = pixels[level].shape
        top, left = random.integers(0, height - PATCH - 1), random.integers(0, width - PATCH - 1)
        yield pixels[level][top:top + PATCH + 2, left:left + PATCH + 2]


def descriptors(patches):
    """One row of 128 numbers a patch; a patch without any gradient gives none."""
    patches = numpy.stack(list(patches))
    across = patches[:, 1:-1, 2:] - patches[:, 1:-1, :-2]
    down = patches[:, 2:, 1:-1] - patches[:, :-2, 1:-1]
    place = numpy.arange(PATCH) - (PATCH - 1) / 2
    window = numpy.exp(-(place[:, None] ** 2 + place[None] ** 2) / (2 * (PATCH / 2) ** 2))
    strength = numpy.hypot(across, down) * window
    turn = (numpy.floor((numpy.arctan2(down, across) / (2 * numpy.pi) + 1) * DIRECTIONS) % DIRECTIONS).astype(int)
    cell = numpy.arange(PATCH) // (PATCH // CELLS)
    where = ((cell[:, None] * CELLS + cell[None]) * DIRECTIONS)[None] + turn
    found = numpy.zeros((len(patches), CELLS * CELLS * DIRECTIONS), numpy.float64)
    numpy.add.at(found, (numpy.arange(len(patches))[:, None, None], where), strength)
    lengths = numpy.linalg.norm(found, axis=1)
    found = found[lengths > 1.0] / lengths[lengths > 1.0][:, None]
    found = numpy.minimum(found, 0.2)
    found /= numpy.linalg.norm(found, axis=1, keepdims=True)
    return numpy.floor(numpy.minimum(found * 512, 255)).astype(numpy.float32)


def collected(pictures, rows, opened, seed):
    """`rows` descriptors, as many from each picture, shuffled."""
    random, found, each = numpy.random.default_rng(seed), [], -(-rows // len(pictures))
    counted = 0
    while counted < rows:
        before = counted
        for path in pictures:
            found.append(descriptors(patches_of(opened(path).convert("L"), each, random)))
            counted += len(found[-1])
        if counted == before:
            raise RuntimeError("the pictures have no gradients at all")
    return numpy.concatenate(found)[random.permutation(counted)[:rows]]


def make(folder, rows, pool):
    import ann_embed
    pictures, _ = ann_embed.at_hand()
    held_out, used = pictures[::POOL_PART], [picture for n, picture in enumerate(pictures) if n % POOL_PART]
    collected(used, rows, ann_embed.opened, 128).tofile(folder / "vectors.f32")
    collected(held_out, pool, ann_embed.opened, 129).tofile(folder / "pool.f32")
    return {"dim": CELLS * CELLS * DIRECTIONS, "metric": "l2", "pictures": len(pictures)}
