#!/usr/bin/env python3
"""encode_peer.py KIND HUB CARD NETWORK THREADS: one peer of bench/macro/encode, which answers the commands of encode_times.

KIND: onnxruntime, openvino (NETWORK is an ONNX file, fp32 or int8), torch (eager) or pipeline (transformers' own); the
last two run under .deps/venv-golden and take the weights from HUB. CARD says the preprocessing, done here as people do
it, with Pillow and numpy; the pipeline does its own. One thread of control: what a script does that loops over files.
"""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import common  # noqa: E402
import numpy  # noqa: E402
import reference  # noqa: E402
from PIL import Image  # noqa: E402


class Prepare:
    """A card's `prepare` as people write it: resize and crop by Pillow, to float, normalise."""

    def __init__(self, card):
        card = json.loads(pathlib.Path(card).read_text())
        self.spec = reference.Spec(card["decode"], card["prepare"])
        self.scale = numpy.float32(card["prepare"].get("rescale", 1.0))
        self.shape = (3, self.spec.height, self.spec.width)
        self.output = card["heads"][0]["images"]["from"]  # of the network

    def __call__(self, path):
        pixels = reference.prepare_u8(Image.open(path).convert("RGB"), self.spec).astype(numpy.float32) * self.scale
        return numpy.ascontiguousarray(((pixels - self.spec.mean) / self.spec.std).transpose(2, 0, 1))


class OnnxRuntime:
    def __init__(self, hub, network, threads, output):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        self.input, self.output = self.session.get_inputs()[0].name, output
        self.version = f"onnxruntime {onnxruntime.__version__}"

    def __call__(self, tensors):
        return self.session.run([self.output], {self.input: tensors})[0]


class OpenVino:
    def __init__(self, hub, network, threads, output):
        import openvino
        self.compiled = openvino.Core().compile_model(network, "CPU", {"INFERENCE_NUM_THREADS": threads,
                                                                       "PERFORMANCE_HINT": "LATENCY"})
        self.request, self.output = self.compiled.create_infer_request(), output
        self.version = f"openvino {openvino.__version__}"

    def __call__(self, tensors):
        self.request.infer([tensors], share_inputs=True)
        return self.request.get_tensor(self.output).data.copy()


class Torch:
    def __init__(self, hub, network, threads, output):
        import torch
        import transformers
        torch.set_num_threads(threads)
        kind = json.loads((pathlib.Path(hub) / "config.json").read_text())["architectures"][0]
        self.model = getattr(transformers, kind).from_pretrained(hub).eval()
        self.torch, self.output = torch, output
        self.version = f"torch {torch.__version__}, transformers {transformers.__version__}"

    def __call__(self, tensors):
        with self.torch.inference_mode():
            found = self.model(pixel_values=self.torch.from_numpy(tensors))
        return found[self.output].numpy()


class Pipeline(Torch):
    """Only for files: it prepares by itself."""

    def __init__(self, hub, network, threads, output):
        super().__init__(hub, network, threads, output)
        import transformers
        self.pipe = transformers.pipeline("image-feature-extraction", model=self.model, device=-1, framework="pt",
                                          image_processor=transformers.AutoImageProcessor.from_pretrained(hub))

    def file(self, path):
        return self.pipe(path)


KINDS = {"onnxruntime": OnnxRuntime, "openvino": OpenVino, "torch": Torch, "pipeline": Pipeline}


def head_rows(found):
    """One vector of length 1 a picture, as a card's first head makes it: the class token, or the pooled map."""
    rows = found if found.ndim == 2 else found[:, 0] if found.ndim == 3 else found.reshape(len(found), found.shape[1])
    return rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


def forward(network, shape, batch, seconds, path):
    tensors = numpy.fromfile(path, dtype="<f4", count=batch * int(numpy.prod(shape))).reshape(batch, *shape)
    for _ in range(2):
        network(tensors)
    latencies, cpu, begin = [], time.process_time(), time.perf_counter()
    last = begin
    while last - begin < seconds:
        network(tensors)
        end = time.perf_counter()
        latencies.append(1000 * (end - last))
        last = end
    return {"images": batch * len(latencies), "wall": last - begin, "cpu": time.process_time() - cpu,
            "p50_ms": float(numpy.percentile(latencies, 50)), "p99_ms": float(numpy.percentile(latencies, 99))}


def vectors(network, shape, batch, path, count, out):
    tensors = numpy.fromfile(path, dtype="<f4").reshape(-1, *shape)[:count]
    rows = [head_rows(network(numpy.ascontiguousarray(tensors[at:at + batch]))) for at in range(0, count, batch)]
    numpy.concatenate(rows).astype("<f4").tofile(out)
    return {"rows": count}


def files(one, listed, seconds):
    paths = pathlib.Path(listed).read_text().splitlines()
    done, cpu, begin = 0, time.process_time(), time.perf_counter()
    while time.perf_counter() - begin < seconds:
        one(paths[done % len(paths)])
        done += 1
    return {"images": done, "wall": time.perf_counter() - begin, "cpu": time.process_time() - cpu}


def main():
    kind, hub, card, file, threads = sys.argv[1:6]
    prepare = Prepare(card)
    shape = prepare.shape
    begin = time.perf_counter()
    network = KINDS[kind](hub, file, int(threads), prepare.output)
    network(numpy.zeros((1, *shape), numpy.float32))
    print(json.dumps({"ready": True, "seconds": time.perf_counter() - begin, "version": network.version}), flush=True)
    one = getattr(network, "file", lambda path: head_rows(network(prepare(path)[None])))
    for line in sys.stdin:
        command, *rest = line.split()
        if command == "forward":
            answer = forward(network, shape, int(rest[0]), float(rest[1]), rest[2])
        elif command == "vectors":
            answer = vectors(network, shape, int(rest[0]), rest[1], int(rest[2]), rest[3])
        else:
            answer = files(one, rest[0], float(rest[1]))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
