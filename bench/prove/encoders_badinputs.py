"""Claims: folders made to hurt are refused with their reason: no crash, bounded time and memory, nothing registered."""
import json
import pathlib
import shutil
import tempfile

import claims
import common
import ours

SECONDS_MAX, BYTES_MAX = 20.0, 2 * 2**30


def edit(path, change):
    import onnx
    model = onnx.load(str(path))
    change(model)
    onnx.save(model, str(path))


def unknown_operator(hub, random):
    def change(model):
        node = random.choice([node for node in model.graph.node if node.op_type in ("Add", "Mul", "MatMul")])
        node.op_type = "QuantumLeap"
    edit(hub / "onnx/vision_model.onnx", change)


def wrong_shape(hub, random):
    def change(model):
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = random.choice((1, 4, 5))
    edit(hub / "onnx/vision_model.onnx", change)


def missing_file(hub, random):
    (hub / random.choice(("onnx/vision_model.onnx", "tokenizer.json", "preprocessor_config.json"))).unlink()


def nan_weights(hub, random):
    import numpy
    import onnx

    def change(model):
        large = [tensor for tensor in model.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]
        tensor = random.choice(large)
        values = onnx.numpy_helper.to_array(tensor).copy()
        values.reshape(-1)[random.randrange(values.size)] = numpy.nan
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    edit(hub / "onnx/vision_model.onnx", change)


def huge_claim(hub, random):
    """A tensor of ten gigabytes that the file does not hold."""
    def change(model):
        tensor = max(model.graph.initializer, key=lambda one: len(one.raw_data))
        del tensor.dims[:]
        tensor.dims.extend((50_000, 50_000 + random.randrange(1000)))
    edit(hub / "onnx/vision_model.onnx", change)


def huge_length(hub, random):
    """The first field of the file says that it goes on for ten gigabytes."""
    path = hub / "onnx/vision_model.onnx"
    length, left = bytearray(), 10 * 2**30 + random.randrange(2**20)
    while left:
        length.append((left & 127) | (128 if left > 127 else 0))
        left >>= 7
    path.write_bytes(b"\x3a" + bytes(length) + path.read_bytes()[8:])


def deep_json(hub, random):
    (hub / random.choice(("config.json", "tokenizer.json"))).write_text("[" * 2_000_000)


def outside_weights(hub, random):
    def change(model):
        tensor = max(model.graph.initializer, key=lambda one: len(one.raw_data))
        tensor.ClearField("raw_data")
        tensor.data_location = 1
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", random.choice(("../../../../etc/passwd", "/etc/passwd", "onnx/../../x"))
    import onnx
    path = hub / "onnx/vision_model.onnx"
    model = onnx.load(str(path))
    change(model)
    path.write_bytes(model.SerializeToString())


def json_of_wrong_kind(hub, random):
    path = hub / "preprocessor_config.json"
    rules = json.loads(path.read_text())
    field, value = random.choice((("image_mean", "grey"), ("size", {"shortest_edge": -5}), ("size", {"shortest_edge": 1e18}),
                                  ("image_std", [0, 0, 0]), ("resample", 99), ("rescale_factor", "a")))
    path.write_text(json.dumps({**rules, field: value}))


# What is done, and a word of which one must be in the reason.
CASES = ((unknown_operator, ("QuantumLeap",)), (wrong_shape, ("takes 'pixel_values' as",)),
         (missing_file, ("onnx", "tokenizer.json", "preprocessor_config.json")), (nan_weights, ("NaN", "no number", "not finite")),
         (huge_claim, ("claims", "bytes")), (huge_length, ("claims", "bytes", "cut", "ends", "limit")),
         (deep_json, ("deep", "JSON", "json")), (outside_weights, ("outside", "folder")),
         (json_of_wrong_kind, ("image_mean", "size", "image_std", "resample", "rescale_factor")))


def add(hub, folder):
    return ours.call("encoder", "add", hub, "--name", "hostile", env={"PICTOR_ENCODERS": str(folder / "encoders"),
                                                                      "PICTOR_DATA": str(folder / "data")}, timeout=120)


def golden_clip():
    return common.need(common.DEPS / "golden/clip/hub", "run `tools/setup golden`")


def refused(context, spoil, words):
    random, figures = context.random(spoil.__name__), []
    for _ in range(3):
        with tempfile.TemporaryDirectory(dir=common.scratch()) as folder:
            folder = pathlib.Path(folder)
            shutil.copytree(golden_clip(), folder / "hub")
            spoil(folder / "hub", random)
            went = add(folder / "hub", folder)
            good = (0 < went.status < 64 and any(word in went.err for word in words) and went.wall < SECONDS_MAX
                    and went.rss_bytes < BYTES_MAX and not list((folder / "encoders").glob("*")))
            figures.append({"good": good, "status": went.status, "seconds": went.wall, "bytes": went.rss_bytes,
                            "said": went.err.strip()[-400:]})
    return figures


def claim_of(spoil, words):
    name = spoil.__name__.replace("_", "-")

    @claims.claim(f"refuses-{name}", "refused with its reason, nothing registered, no crash", what="encoders")
    def measure(context):
        figures = refused(context, spoil, words)
        return claims.Finding(all(one["good"] for one in figures), f"{figures[-1]['said'][:160]}", {"tries": figures})


for case in CASES:
    claim_of(*case)


@claims.claim("refuses-spoiled-files", "200 folders with random bytes changed: added or refused, never a crash", what="encoders")
def spoiled(context):
    random, statuses, slowest, bad = context.random("spoiled"), {}, 0.0, []
    names = ("config.json", "preprocessor_config.json", "tokenizer.json", "onnx/vision_model.onnx", "onnx/text_model.onnx")
    for number in range(200):
        with tempfile.TemporaryDirectory(dir=common.scratch()) as folder:
            folder = pathlib.Path(folder)
            shutil.copytree(golden_clip(), folder / "hub")
            path = folder / "hub" / random.choice(names)
            content = bytearray(path.read_bytes())
            for _ in range(random.choice((1, 10, 1000))):
                content[random.randrange(min(len(content), 5000))] = random.randrange(256)
            path.write_bytes(bytes(content[:random.choice((len(content), random.randrange(len(content))))]))
            went = add(folder / "hub", folder)
        statuses[went.status] = statuses.get(went.status, 0) + 1
        slowest = max(slowest, went.wall)
        if went.status not in range(64) or went.timed_out or went.rss_bytes > BYTES_MAX or went.wall > SECONDS_MAX:
            bad.append({"number": number, "file": path.name, "status": went.status, "err": went.err[-300:]})
    figure = f"{statuses.get(0, 0)} added, {200 - statuses.get(0, 0) - len(bad)} refused, {len(bad)} crashed or ran away, "
    return claims.Finding(not bad, figure + f"slowest {slowest:.1f} s", {"statuses": statuses, "bad": bad})


@claims.claim("refuses-hostile-listing", "a repository whose listing names paths outside its folder writes nothing", what="encoders")
def listing(_):
    import encoders_families
    ran = encoders_families.gtest(common.BUILD / "src/encode/encode_test", "HostileHub.*:HubListing.*", {"CI": "1"})
    return claims.Finding(len(ran) >= 9, f"{len(ran)} tests of hostile hubs passed", {"tests": list(ran)})
