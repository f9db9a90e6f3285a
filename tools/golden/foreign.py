"""Golden families of timm and open_clip, whose folders have configurations of their own."""
import numpy
import open_clip
import timm
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2

from family import CLIP_MEAN, CLIP_STD, HALF, Family, Head, Tower, write_json
from hf import joint_heads, padded
from lively import enliven
from tokenizers_made import write_clip


def timm_vit(hub, seed, _):
    """config.json as timm writes it to the hub: the preprocessing is its pretrained_cfg, there is no other file."""
    arguments = {"embed_dim": 96, "depth": 2, "num_heads": 3}
    settings = {"tag": "golden", "custom_load": False, "input_size": [3, 224, 224], "fixed_input_size": True,
                "interpolation": "bicubic", "crop_pct": 0.9, "crop_mode": "center", "mean": HALF, "std": HALF,
                "num_classes": 0, "pool_size": None, "first_conv": "patch_embed.proj", "classifier": "head"}
    model = timm.create_model("vit_small_patch16_224", num_classes=0, **arguments)
    enliven(model, seed)
    write_json(hub / "config.json",
               {"architecture": "vit_small_patch16_224", "num_classes": 0, "num_features": model.num_features,
                "global_pool": "token", "model_args": arguments, "pretrained_cfg": settings})
    transform = timm.data.create_transform(
        **timm.data.resolve_data_config(pretrained_cfg={**settings, "input_size": (3, 224, 224)}), is_training=False)

    def run(network, pixel_values):
        states = network.forward_features(pixel_values)
        return {"last_hidden_state": states, "pooler_output": network.forward_head(states, pre_logits=True)}

    return Family(
        reference="timm create_transform(is_training=False), forward_features, forward_head(pre_logits=True)",
        prepare=lambda picture: transform(picture).numpy(), image=Tower("onnx/model.onnx", model, run, ["pixel_values"]),
        heads=[Head("pooler", "image", "pooler_output", "none"), Head("mean", "image", "last_hidden_state", "mean", 1)],
        direct={"image": lambda pixels: model(pixels)})


def openclip(hub, seed, _):
    """open_clip_config.json alone says how pictures are prepared; texts are padded with 0, not with the end mark."""
    # An odd number of heads keeps torch 1.13 off a fused attention that its exporter does not know.
    shape = {"embed_dim": 1024,
             "vision_cfg": {"image_size": 224, "layers": 2, "width": 96, "head_width": 32, "mlp_ratio": 2.0, "patch_size": 32},
             "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 24, "heads": 3, "layers": 2, "mlp_ratio": 2.0}}
    settings = {"mean": CLIP_MEAN, "std": CLIP_STD, "interpolation": "bicubic", "resize_mode": "shortest"}
    write_json(hub / "open_clip_config.json", {"model_cfg": shape, "preprocess_cfg": settings})
    model = enliven(open_clip.CLIP(**shape), seed)
    transform = image_transform_v2(PreprocessCfg(size=224, **settings), is_train=False)
    own, fast = open_clip.SimpleTokenizer(), write_clip(hub)

    def tokenize(texts):
        ids = own(texts).numpy().astype("i8")
        other, other_mask = padded(fast, texts, 77)
        return ids, (numpy.arange(77) <= ids.argmax(axis=1)[:, None]).astype("i8"), other * other_mask

    return Family(
        reference="open_clip image_transform_v2, SimpleTokenizer, CLIP.encode_image and encode_text",
        prepare=lambda picture: transform(picture).numpy(), heads=joint_heads("image_embeds", "text_embeds"),
        image=Tower("onnx/vision_model.onnx", model, lambda m, pixels: {"image_embeds": m.encode_image(pixels)},
                    ["pixel_values"]),
        text=Tower("onnx/text_model.onnx", model, lambda m, ids: {"text_embeds": m.encode_text(ids)}, ["input_ids"]),
        tokenize=tokenize,
        direct={"image": lambda pixels: model.encode_image(pixels), "text": lambda ids, mask: model.encode_text(ids)})


FAMILIES = {"timm": timm_vit, "openclip": openclip}
