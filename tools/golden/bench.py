"""The networks that bench/macro/encode measures, at full size with random weights: speed does not depend on them."""
import shutil
import time

import numpy
import torch
import transformers

from export import check, export
from family import CLIP_MEAN, CLIP_STD, HALF, IMAGENET_MEAN, IMAGENET_STD, RESCALE, only
from hf import SIZE, preparer, save_config
from lively import enliven, settle

PLAIN = {"do_normalize": True, "do_rescale": True, "do_resize": True, "rescale_factor": RESCALE}


def vit_b32():
    model = transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, image_size=224, patch_size=32,
        projection_dim=512, attn_implementation="eager"))
    return model, ["image_embeds"], "vision_model.onnx", {
        **PLAIN, "crop_size": SIZE, "do_center_crop": True, "do_convert_rgb": True, "image_mean": CLIP_MEAN,
        "image_processor_type": "CLIPImageProcessor", "image_std": CLIP_STD, "resample": 3, "size": {"shortest_edge": 224}}


def vit_s16():
    model = transformers.ViTModel(transformers.ViTConfig(
        hidden_size=384, intermediate_size=1536, num_hidden_layers=12, num_attention_heads=6, attn_implementation="eager"),
        add_pooling_layer=False)
    return model, ["last_hidden_state"], "model.onnx", {
        **PLAIN, "image_mean": HALF, "image_processor_type": "ViTImageProcessor", "image_std": HALF, "resample": 2, "size": SIZE}


def resnet50():
    model = transformers.ResNetModel(transformers.ResNetConfig())
    return model, ["last_hidden_state", "pooler_output"], "model.onnx", {
        **PLAIN, "crop_pct": 0.875, "image_mean": IMAGENET_MEAN, "image_processor_type": "ConvNextImageProcessor",
        "image_std": IMAGENET_STD, "resample": 3, "size": {"shortest_edge": 224}}


MODELS = {"vit-b-32": vit_b32, "vit-s-16": vit_s16, "resnet-50": resnet50}


def make(out, chosen, seed, pictures, say):
    for name in chosen or MODELS:
        build = MODELS[name]
        began = time.monotonic()
        shutil.rmtree(out / name, ignore_errors=True)
        (out / name / "onnx").mkdir(parents=True)
        model, outputs, file, preprocessor = build()
        enliven(model, seed)
        prepare, _ = preparer(out / name, preprocessor)
        pixels = torch.from_numpy(numpy.stack([prepare(picture) for picture in pictures]))
        # Noise in place of pictures would leave deep batch norms nothing but rounding to enlarge.
        settle(model, pixels)
        pixels = pixels[:2]
        model.save_pretrained(out / name)  # config.json, and the weights for torch's own side of the measurement
        save_config(out / name, model)

        def run(network, pixel_values):
            return only(network(pixel_values=pixel_values), *outputs)

        path = out / name / "onnx" / file
        export(path, model, run, {"pixel_values": pixels})
        with torch.no_grad():
            wanted = {key: value.numpy() for key, value in run(model, pixels).items()}
        worst = check(path, {"pixel_values": pixels.numpy()}, wanted)
        say(f"bench {name}: {path.stat().st_size / 1e6:.0f} MB, cosine to torch {worst:.7f}, {time.monotonic() - began:.0f} s")
