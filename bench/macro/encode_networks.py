"""The networks that bench/macro/encode measures, and what it makes of them: our encoders, and onnxruntime's own int8.

Full-size ones with random weights come from tools/golden (make.py --bench); all is made once, in .deps/golden/bench.
"""
import json
import pathlib
import subprocess
import sys

import common
import make_photos
import numpy
import ours

BENCH = common.DEPS / "golden" / "bench"
CALIBRATION = 256
MEASURED = 64  # 640x480 JPEGs: what the web and most data sets hold


class Network:
    NAMES = ("vit-b-32", "vit-s-16", "resnet-50", "default")

    def __init__(self, name, hub, encoder, encoder_int8, card, fp32, int8, peer_int8, in_torch):
        self.name, self.hub, self.encoder, self.encoder_int8 = name, hub, encoder, encoder_int8
        self.card, self.fp32, self.int8, self.peer_int8, self.in_torch = card, fp32, int8, peer_int8, in_torch
        self.operations = operations_of(fp32)


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


def pictor(*arguments):
    return ours.call(*arguments, env={"PICTOR_ENCODERS": str(BENCH / "encoders")}, timeout=3000).must(0)


def make_encoders(name, hub):
    """fp32 as it is added, int8 as `pictor encoder quantize` makes it."""
    folder = BENCH / "encoders"
    if not (folder / name / "card.json").exists():
        pictor("encoder", "add", hub, "--name", name)
    if not (folder / f"{name}-int8" / "card.json").exists():
        pictor("encoder", "quantize", name, "--calibration", calibration_folder(), "--name", f"{name}-int8", "--max-loss", "off")
    return folder


def network_file(folder):
    return folder / json.loads((folder / "card.json").read_text())["towers"]["image"]["file"]


def make_peer_int8(name, fp32, card):
    """onnxruntime's static quantisation: QDQ, a scale a channel, its own preparation of the network."""
    out = BENCH / "peers" / f"{name}-int8.onnx"
    if out.exists():
        return out
    import encode_peer
    import onnxruntime
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process
    out.parent.mkdir(parents=True, exist_ok=True)
    prepared, aside = out.with_suffix(".prepared"), out.with_suffix(".part")
    quant_pre_process(str(fp32), str(prepared), skip_symbolic_shape=True)
    port = onnxruntime.InferenceSession(str(fp32), providers=["CPUExecutionProvider"]).get_inputs()[0].name
    prepare = encode_peer.Prepare(card)

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = iter(sorted(calibration_folder().iterdir())[:32])

        def get_next(self):
            path = next(self.left, None)
            return None if path is None else {port: prepare(path)[None]}

    quantization.quantize_static(str(prepared), str(aside), Reader(), per_channel=True,
                                 activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8)
    prepared.unlink()
    aside.rename(out)
    return out


def network_named(name):
    if name == "default":
        folders = [common.WEIGHTS / encoder for encoder in (ours.FP32, ours.INT8)]
        for folder in folders:
            common.need(folder, "run `make setup`, which makes the weights")
        card, fp32 = common.CARDS / f"{ours.FP32}.json", folders[0] / "image.onnx"
        return Network(name, pathlib.Path("-"), ours.FP32, ours.INT8, card, fp32, folders[1] / "image.onnx",
                       make_peer_int8(ours.FP32, fp32, card), in_torch=False)
    hub = make_hub(name)
    folder = make_encoders(name, hub)
    card, fp32 = folder / name / "card.json", network_file(folder / name)
    return Network(name, hub, name, f"{name}-int8", card, fp32, network_file(folder / f"{name}-int8"),
                   make_peer_int8(name, fp32, card), in_torch=True)
