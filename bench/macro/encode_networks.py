"""The networks that bench/macro/encode measures, and what it makes of them: our encoders, and onnxruntime's own int8.

Full-size ones with random weights come from tools/golden (make.py --bench); all is made once, in .deps/golden/bench, but
our int8, which is made anew whenever the quantiser's sources or its input have changed.
"""
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys

import common
import make_photos
import numpy
import ours
from PIL import Image

BENCH = common.DEPS / "golden" / "bench"
CALIBRATION = 256
QUANTISED_ON = 64  # of them, by ours: as many as the figures of docs/decisions/0011 are of
MEASURED = 64  # 640x480 JPEGs: what the web and most data sets hold


# What decides the bytes of an int8 copy: the sources of the quantiser and of the reader and writer under it.
QUANTISER = ("src/infer/quantize*", "src/encode/quantize*", "src/engine/quantize*", "src/infer/onnx_*")


class Network:
    NAMES = ("vit-b-32", "vit-s-16", "resnet-50", "default")

    def __init__(self, name, hub, encoders, pair, peer_int8, in_torch):
        self.name, self.hub, self.encoders, self.peer_int8, self.in_torch = name, hub, encoders, peer_int8, in_torch
        self.encoder, self.encoder_int8 = pair
        self.card, self.fp32 = placed(encoders, self.encoder)
        self.int8 = placed(encoders, self.encoder_int8)[1]
        self.operations = operations_of(self.fp32)


def placed(encoders, encoder):
    """Card and image network of an encoder that was added, or that comes with Pictor."""
    folder, card = encoders / encoder, encoders / encoder / "card.json"
    if not folder.exists():
        folder, card = common.WEIGHTS / encoder, common.CARDS / f"{encoder}.json"
    return card, folder / json.loads(card.read_text())["towers"]["image"]["file"]


def operations_of(path):
    """Two for each multiply-add of a network's matrix products and convolutions, for one picture."""
    import onnx
    model = onnx.load(str(path))
    for port in model.graph.input:
        port.type.tensor_type.shape.dim[0].dim_value = 1
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    graph = model.graph
    shape = {value.name: [size.dim_value for size in value.type.tensor_type.shape.dim]
             for value in (*graph.input, *graph.output, *graph.value_info)}
    shape.update({tensor.name: list(tensor.dims) for tensor in graph.initializer})
    total = 0
    for node in graph.node:
        if node.op_type not in ("MatMul", "Gemm", "Conv"):
            continue
        weights, out = shape.get(node.input[1], []), shape.get(node.output[0], [])
        if node.op_type == "Conv":
            inner = int(numpy.prod(weights[1:]))
        else:
            transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
            inner = weights[-1] if transposed else weights[-2]
        total += 2 * inner * int(numpy.prod([max(size, 1) for size in out]))
    return total


def make_hub(name):
    if (BENCH / name / "model.safetensors").exists():
        return BENCH / name
    python = common.need(common.DEPS / "venv-golden" / "bin" / "python", "run `tools/setup golden`")
    done = subprocess.run([python, "-W", "ignore", "make.py", "--out", BENCH.parent, "--bench", "--only", name],
                          cwd=common.ROOT / "tools" / "golden", stdout=sys.stderr)
    if done.returncode != 0:
        raise common.Missing(f"tools/golden/make.py could not make {name}: status {done.returncode}")
    return BENCH / name


def calibration_folder():
    """Pictures that are not those which are measured."""
    folder = common.DEPS / "data" / "photos-640-calibration"
    if not folder.exists():
        aside = folder.with_suffix(".part")
        for path in make_photos.make(common.data_folder("wallpapers"), aside, MEASURED + CALIBRATION, small=True)[:MEASURED]:
            path.unlink()
        aside.rename(folder)
    return folder


def quantiser_key(card, calibration):
    """Of all that an int8 copy is made from: a copy with another key is of an older tool, or of other weights."""
    own = [path for pattern in QUANTISER for path in sorted(common.ROOT.glob(pattern)) if "_test" not in path.name]
    digest = hashlib.sha256()
    for path in (*own, card):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode() + path.read_bytes())
    digest.update(f"{[path.name for path in calibration]}".encode())
    return digest.hexdigest()


def make_int8(name, encoders, calibration, images):
    """`pictor encoder quantize`, unless what is there was made so by this very quantiser. The key lies beside the encoders."""
    made = encoders.parent / "made" / f"{name}-int8"
    key = quantiser_key(encoders / name / "card.json", sorted(calibration.iterdir()))
    if (encoders / f"{name}-int8" / "card.json").exists() and made.exists() and made.read_text() == key:
        return
    aside = made.parent / f"{name}.part"
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(encoders / name, aside / name)
    print(f"{name}: quantising, once for this quantiser; minutes for a large network", file=sys.stderr, flush=True)
    ours.call("encoder", "quantize", name, "--calibration", calibration, "--name", f"{name}-int8", "--images", images,
              "--max-loss", "off", env={"PICTOR_ENCODERS": str(aside)}, timeout=3000).must(0)
    made.unlink(missing_ok=True)
    shutil.rmtree(encoders / f"{name}-int8", ignore_errors=True)
    (aside / f"{name}-int8").rename(encoders / f"{name}-int8")
    shutil.rmtree(aside)
    made.write_text(key)


def make_encoders(name, hub, encoders, calibration, images):
    """fp32 as it is added, int8 as `pictor encoder quantize` makes it."""
    if not (encoders / name / "card.json").exists():
        ours.call("encoder", "add", hub, "--name", name, env={"PICTOR_ENCODERS": str(encoders)}).must(0)
    make_int8(name, encoders, calibration, images)


def make_peer_int8(out, encoders, encoder, pictures):
    """onnxruntime's static quantisation: QDQ, a scale a channel, its own preparation of the network."""
    if out.exists():
        return out
    import encode_peer
    import onnxruntime
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process
    card, fp32 = placed(encoders, encoder)
    out.parent.mkdir(parents=True, exist_ok=True)
    prepared, aside = out.with_suffix(".prepared"), out.with_suffix(".part")
    quant_pre_process(str(fp32), str(prepared), skip_symbolic_shape=True)
    port = onnxruntime.InferenceSession(str(fp32), providers=["CPUExecutionProvider"]).get_inputs()[0].name
    prepare = encode_peer.Prepare(card)

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = iter(pictures)

        def get_next(self):
            path = next(self.left, None)
            return None if path is None else {port: prepare(path)[None]}

    quantization.quantize_static(str(prepared), str(aside), Reader(), per_channel=True,
                                 activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8)
    prepared.unlink()
    aside.rename(out)
    return out


def network_named(name):
    encoders = BENCH / "encoders"
    hub, pair = pathlib.Path("-"), (ours.FP32, ours.INT8)
    if name == "default":
        for encoder in pair:
            common.need(common.WEIGHTS / encoder, "run `make setup`, which makes the weights")
    else:
        hub, pair = make_hub(name), (name, f"{name}-int8")
        make_encoders(name, hub, encoders, calibration_folder(), QUANTISED_ON)
    peer = make_peer_int8(BENCH / "peers" / f"{pair[0]}-int8.onnx", encoders, pair[0], sorted(calibration_folder().iterdir())[:32])
    return Network(name, hub, encoders, pair, peer, in_torch=name != "default")


def tiny_network(folder, pictures):
    """A small family of tools/golden, all made anew below `folder`: does every step still run?"""
    hub = common.need(common.DEPS / "golden" / "vit" / "hub", "run `tools/setup golden`")
    encoders, calibration = folder / "encoders", folder / "calibration"
    calibration.mkdir(parents=True)
    for path in pictures:  # quantising wants some forty pictures: each golden one, and its quarters
        with Image.open(path) as opened:
            whole = opened.convert("RGB")
        wide, high = whole.width // 2 or 1, whole.height // 2 or 1
        for number, box in enumerate(((0, 0, *whole.size), (0, 0, wide, high), (whole.width - wide, whole.height - high, *whole.size))):
            whole.crop(box).save(calibration / f"{path.stem}-{number}.png")
    make_encoders("tiny", hub, encoders, calibration, 2 * len(pictures))
    peer = make_peer_int8(folder / "tiny-peer.onnx", encoders, "tiny", pictures)
    return Network("tiny", hub, encoders, ("tiny", "tiny-int8"), peer, in_torch=False)
