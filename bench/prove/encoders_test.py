#!/usr/bin/env python3
"""Tests of the claims about encoders: each holds on what is right, and fails when what it measures is bent.

The programs are not run here: what they would say is given. Needs the Python environment of bench/."""
import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "macro")]
import common  # noqa: E402

common.enter_venv("numpy", "PIL", "onnxruntime", "faiss", "openvino", "onnx", "tokenizers")
import claims  # noqa: E402
import encoders  # noqa: E402,F401
import encoders_against  # noqa: E402
import encoders_batcher  # noqa: E402
import encoders_bits  # noqa: E402
import encoders_derive  # noqa: E402
import encoders_fingerprint  # noqa: E402
import encoders_quantize  # noqa: E402
import encoders_receipts  # noqa: E402
import encoders_tokens  # noqa: E402
import numpy  # noqa: E402

SCRATCH = tempfile.TemporaryDirectory(prefix="pictor-encoders-test-")
MUST_BE_SHOWN = (
    "families-pixels", "families-tokens", "families-vectors", "tokenizers", "bits-lite2-minilm-AVX2", "bits-lite2-minilm-AVX-512",
    "bits-lite2-minilm-int8-AVX2", "bits-lite2-minilm-int8-VNNI", "bits-clip-int8-AVX2", "bits-classes", "fingerprints-imported",
    "fingerprints-shipped", "receipts-rows", "receipts-cost", "flips-image", "flips-weights", "flips-card", "flips-vector-or-receipt",
    "quantize-clip", "quantize-shipped", "quantize-refuses", "derive-truncate-512", "derive-truncate-1024", "derive-matrix-2048",
    "derive-pca-512", "tokens-f16", "tokens-int8", "batcher", "against", "second-runtime", "speed-vit-b-32-onnxruntime-fp32",
    "speed-resnet-50-onnxruntime-fp32", "speed-vit-b-32-onnxruntime-int8", "files-camera-vit-b-32", "files-640-vit-b-32",
    "share-of-peak", "latency", "start",
    "pull-breaks", "pull-wrong-bytes", "pull-resume", "refuses-unknown-operator", "refuses-wrong-shape", "refuses-missing-file",
    "refuses-nan-weights", "refuses-huge-claim", "refuses-deep-json", "refuses-hostile-listing", "how-to")


def context(**options):
    return claims.Context(7, argparse.Namespace(**{"embeddings": 10_000, **options}))


class FakeHome:
    """Gives what the programs would say; `says` and `prints` are called with the arguments."""

    def __init__(self, says=None, prints=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=SCRATCH.name))
        self.data, self.encoders = self.folder / "data", self.folder / "encoders"
        self.says, self.prints = says, prints

    def own_weights(self, encoders):
        pass

    def json(self, *arguments, **_):
        return self.says(*arguments)

    def tool(self, *arguments, **_):
        return [line.split() for line in self.prints(*arguments)]

    def listed(self, name, _):
        return name

    def add(self, family="clip", name="clip"):
        return name


def with_home(module, home):
    return unittest.mock.patch.object(module, "house", lambda: contextlib.nullcontext(home))


class Listed(unittest.TestCase):
    def test_every_line_that_must_be_shown_is_a_claim_with_a_bound_and_names_are_unique(self):
        went = subprocess.run([sys.executable, str(pathlib.Path(__file__).with_name("prove.py")), "encoders", "--list"],
                              capture_output=True, text=True, check=True)
        lines = dict(line.split(": wanted ", 1) for line in went.stdout.splitlines())
        self.assertEqual(len(lines), len(went.stdout.splitlines()))
        self.assertEqual([name for name in MUST_BE_SHOWN if name not in lines], [])
        self.assertTrue(all(lines.values()))


class Bits(unittest.TestCase):
    def judged(self, change=None, class_names=("VNNI",), isa="one", **options):
        def hashes(_, encoder, cap, way, batches):
            found = {("joint", kind): dict.fromkeys(batches, f"{kind} {isa if isa else cap}") for kind in ("images", "texts")}
            if change is not None:
                change(found, way)
            return (isa if isa != "one" else cap), found
        with unittest.mock.patch.object(encoders_bits, "hashes", hashes), \
                unittest.mock.patch.object(common, "machine", lambda: {"simd": ["avx2", "avx512f", "avx512_vnni"]}):
            run = context(**options)
            return [encoders_bits.one_fingerprint(run, "clip", name) for name in class_names], run

    def test_equal_hashes_of_all_batches_hold_at_the_full_scale(self):
        (found,), _ = self.judged()
        self.assertTrue(found.holds)
        self.assertGreaterEqual(found.numbers["embeddings"], encoders_bits.WANTED)
        self.assertEqual(found.numbers["batches"], list(range(1, 65)))

    def test_one_other_batch_in_the_second_process_fails(self):
        def change(found, way):
            if way == encoders_bits.WAYS[1]:
                found["joint", "texts"][63] = "other"
        (found,), _ = self.judged(change)
        self.assertFalse(found.holds)
        self.assertIn("joint texts at batch 63, 2 threads", found.figure)

    def test_an_encoder_that_makes_no_texts_is_not_the_whole(self):
        (found,), _ = self.judged(lambda found, _: found.pop(("joint", "texts")))
        self.assertFalse(found.holds)

    def test_a_smaller_scale_is_told_and_still_has_the_smallest_and_the_largest_batch(self):
        (found,), _ = self.judged(embeddings=1800)
        self.assertIn("a smaller scale", found.figure)
        self.assertLess(found.numbers["embeddings"], 3000)
        self.assertLessEqual({1, 64}, set(found.numbers["batches"]))

    def test_a_class_that_the_machine_lacks_is_skipped(self):
        with unittest.mock.patch.object(common, "machine", lambda: {"simd": ["avx2"]}):
            with self.assertRaises(common.Missing):
                encoders_bits.one_fingerprint(context(), "clip", "VNNI")

    def test_two_sets_of_bits_under_one_class_name_fail(self):
        run = context()
        for limit, isa, bits in (("VNNI", "a", "x"), ("AVX-512", "b", "y"), ("AVX2", "b", "z")):
            run.kept["class", "clip", limit] = (isa, {("joint", "images"): bits})
        self.assertFalse(encoders_bits.classes(run).holds)
        run.kept["class", "clip", "AVX2"] = ("c", {("joint", "images"): "z"})
        self.assertTrue(encoders_bits.classes(run).holds)


class Fingerprints(unittest.TestCase):
    def judged(self, says=None, prints=None):
        def right(*arguments):
            state = "equal" if "--check" in arguments else "new"
            return {"fingerprints": [{"head": "joint", "of": of, "sha256": of, "state": state} for of in ("images", "texts")]}

        def lines(*arguments):
            return ["class"] + [f"joint {of} {batch} 200 {of}" for batch in (1, 2) for of in ("images", "texts")]
        with with_home(encoders_fingerprint, FakeHome(says or right, prints or lines)):
            return encoders_fingerprint.fingerprints(context(), "shipped")

    def test_one_hash_everywhere_holds(self):
        self.assertTrue(self.judged().holds)

    def test_another_hash_with_one_thread_or_at_a_batch_fails(self):
        def says(*arguments):
            other = "--check" in arguments and arguments[arguments.index("--threads") + 1] == 1
            return {"fingerprints": [{"head": "joint", "of": of, "sha256": of + "!" * other, "state": "equal" if "--check" in arguments
                                      else "new"} for of in ("images", "texts")]}
        self.assertFalse(self.judged(says=says).holds)
        self.assertFalse(self.judged(prints=lambda *_: ["class", "joint images 1 9 images", "joint texts 2 9 other"]).holds)


class Receipts(unittest.TestCase):
    def test_a_changed_field_of_a_receipt_does_not_verify_by_openssl(self):
        folder = pathlib.Path(tempfile.mkdtemp(dir=SCRATCH.name))
        key = folder / "key"
        try:
            subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, capture_output=True)
        except FileNotFoundError:
            self.skipTest("openssl is not here")
        subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", folder / "pub"], check=True, capture_output=True)
        receipt = {"input": "ab", "time_us": 5, "vectors": {"joint": "cd"}}
        (folder / "text").write_bytes(encoders_receipts.signed_text(receipt))
        subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", folder / "text", "-out", folder / "sig"],
                       check=True, capture_output=True)
        import base64
        receipt["signature"] = base64.b64encode((folder / "sig").read_bytes()).decode()
        self.assertTrue(encoders_receipts.openssl_verifies(dict(receipt), folder / "pub", folder))
        self.assertFalse(encoders_receipts.openssl_verifies({**receipt, "time_us": 6}, folder / "pub", folder))

    def test_a_flip_changes_one_bit_and_leaves_the_time_of_the_file(self):
        path = pathlib.Path(SCRATCH.name) / "file"
        path.write_bytes(bytes(100))
        before = path.stat().st_mtime_ns
        encoders_receipts.flip_file(path, context().random("flip"))
        self.assertEqual(sum(bin(byte).count("1") for byte in path.read_bytes()), 1)
        self.assertEqual(path.stat().st_mtime_ns, before)

    def flips(self, status):
        home = unittest.mock.Mock()
        home.copy.return_value.call.return_value = common.Ran(["x"], status, "y" * 50, "", 1, 1, 1, False)
        with unittest.mock.patch.object(encoders_receipts, "whole_house", lambda _: home), \
                unittest.mock.patch.dict(encoders_receipts.PLACES, {"card": lambda *_: None}):
            return encoders_receipts.flipped(context(), "card")

    def test_a_flip_that_is_not_found_fails_and_so_does_a_crash(self):
        self.assertTrue(self.flips(12).holds)
        self.assertFalse(self.flips(0).holds)
        self.assertFalse(self.flips(-11).holds)

    def test_dear_receipts_fail(self):
        for share, holds in ((0.009, True), (0.011, False)):
            one = {"share": share, "receipt_us": 1, "row_us": 1}
            with unittest.mock.patch.object(encoders_receipts, "cost_of", lambda *_: one):
                self.assertEqual(encoders_receipts.cost(context()).holds, holds)


class Quantized(unittest.TestCase):
    def rows(self, noise):
        random = numpy.random.default_rng(3)
        rows = random.standard_normal((100, 64))
        rows += noise * random.standard_normal(rows.shape)
        return {("joint", "images"): rows / numpy.linalg.norm(rows, axis=1, keepdims=True)}

    def test_small_changes_are_within_the_bound_and_large_ones_are_not(self):
        self.assertTrue(encoders_quantize.within({"x": encoders_quantize.agreement(self.rows(0), self.rows(0.02), "joint", "images")}))
        self.assertFalse(encoders_quantize.within({"x": encoders_quantize.agreement(self.rows(0), self.rows(0.5), "joint", "images")}))

    def test_the_same_vectors_agree_in_everything(self):
        found = encoders_quantize.agreement(self.rows(0), self.rows(0), "joint", "images")
        self.assertEqual((found["overlap"], found["first_same"]), (1.0, 1.0))


class Derived(unittest.TestCase):
    def test_a_cosine_or_an_overlap_below_the_bound_fails(self):
        found = {"dim_before": 1280, "cosine": 0.9999999, "overlap": 0.9, "overlap_told": 0.9, "spread_kept": 0.999, "skew": 0}
        for change, exact, pca in (({}, True, True), ({"cosine": 0.9999}, False, False),
                                   ({"overlap": 0.7}, True, False), ({"spread_kept": 0.9}, True, False), ({"skew": 0.1}, True, False)):
            with unittest.mock.patch.object(encoders_derive, "derived", lambda *_: {**found, **change}):
                self.assertEqual(encoders_derive.exact(context(), 512, "truncate").holds, exact)
                self.assertEqual(encoders_derive.pca(context()).holds, pca)

    def test_a_picture_that_does_not_find_itself_is_told(self):
        home = FakeHome(lambda *_: {"hits": [{"id": "other.png", "score": 1.0}]})
        home.index = lambda *_: None
        with unittest.mock.patch.object(encoders_derive, "vectors_of",
                                        lambda *_, **__: {("visual", "images"): numpy.zeros((9, 512), "<f4")}):
            with self.assertRaisesRegex(RuntimeError, "0 of 8"):
                encoders_derive.served(home, "d512", 512, [pathlib.Path(f"{i}.png") for i in range(9)])


class Tokens(unittest.TestCase):
    def test_a_number_that_is_not_the_rounded_one_is_counted(self):
        made = numpy.random.default_rng(1).standard_normal((4, 4, 8)).astype("<f4")
        kept = encoders_tokens.rounded_f16(made)
        self.assertEqual(encoders_tokens.wrong_f16(kept, made), 0)
        kept[1, 2, 3] = numpy.nextafter(kept[1, 2, 3], numpy.float32(9))
        self.assertEqual(encoders_tokens.wrong_f16(kept, made), 1)

    def test_more_than_half_a_step_is_counted(self):
        made = numpy.random.default_rng(1).standard_normal((4, 4, 8)).astype("<f4")
        step = numpy.abs(made).max(axis=-1, keepdims=True) / 127
        kept = (numpy.round(made / step) * step).astype("<f4")
        self.assertEqual(encoders_tokens.wrong_int8(kept, made), 0)
        kept[0, 0] += step[0, 0] * 0.6
        self.assertGreaterEqual(encoders_tokens.wrong_int8(kept, made), 4)

    def test_a_vector_that_tokens_have_moved_fails(self):
        for moved in (0, 1):
            one = {"off": 0, "vectors_unlike": moved, "numbers": 8, "apart": 0.0}
            with unittest.mock.patch.object(encoders_tokens, "tokens_of", lambda *_: one), with_home(encoders_tokens, FakeHome()):
                self.assertEqual(encoders_tokens.kept_tokens(context(), "f16", None).holds, moved == 0)


class Batcher(unittest.TestCase):
    def test_an_answer_that_differs_and_answers_that_are_missing_fail(self):
        for engine, batcher, holds in (((480, 480), (480, 480), True), ((480, 479), (480, 480), False), ((480, 480), (9, 9), False)):
            home = FakeHome(prints=lambda *_: ["engine {} {}".format(*engine), "batcher {} {}".format(*batcher)])
            with with_home(encoders_batcher, home), unittest.mock.patch.object(encoders_batcher, "drawn_pictures", lambda *_: []):
                self.assertEqual(encoders_batcher.batcher(context()).holds, holds)


class Against(unittest.TestCase):
    def judged(self, name_of):
        def verdict(home, foreign, pictures, texts, spoil):
            stage = next(iter(spoil), None)
            kind = "texts" if stage in ("token_ids", "text vector") else "pictures"
            return ([(kind, name_of(stage.split()[-1]))] if stage else []), []
        with with_home(encoders_against, FakeHome()), unittest.mock.patch.object(encoders_against, "verdict", verdict), \
                unittest.mock.patch.object(encoders_against, "Foreign", lambda _: None), \
                unittest.mock.patch.object(encoders_against, "drawn_pictures", lambda *_: []):
            return encoders_against.against(context())

    def test_the_right_stage_holds_and_another_one_fails(self):
        self.assertTrue(self.judged(lambda stage: stage).holds)
        self.assertFalse(self.judged(lambda stage: "vector").holds)


class Copies(unittest.TestCase):
    def test_a_copy_of_another_quantiser_or_other_weights_has_another_key(self):
        import encode_networks
        folder = pathlib.Path(tempfile.mkdtemp(dir=SCRATCH.name))
        (folder / "src/infer").mkdir(parents=True)
        source, card = folder / "src/infer/quantize.cpp", folder / "card.json"
        source.write_text("one")
        card.write_text(json.dumps({"name": "x"}))
        with unittest.mock.patch.object(common, "ROOT", folder):
            keys = [encode_networks.quantiser_key(card, [])]
            source.write_text("two")
            keys.append(encode_networks.quantiser_key(card, []))
            card.write_text(json.dumps({"name": "y"}))
            keys.append(encode_networks.quantiser_key(card, []))
        self.assertEqual(len(set(keys)), 3)


if __name__ == "__main__":
    unittest.main()
