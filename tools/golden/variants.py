"""Preprocessing alone: configurations that the families do not try, at a small size, without a network.

A picture smaller than its crop, crops of odd size, every filter, squashing, padding, switched-off steps.
"""
import open_clip.transform
import timm

from family import CLIP_MEAN, CLIP_STD, HALF, IMAGENET_MEAN, IMAGENET_STD, RESCALE, write_json
from hf import preparer

PLAIN = {"do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": HALF, "image_std": HALF,
         "rescale_factor": RESCALE}
CLIP = {**PLAIN, "image_processor_type": "CLIPImageProcessor", "do_center_crop": True, "do_convert_rgb": True,
        "image_mean": CLIP_MEAN, "image_std": CLIP_STD, "resample": 3}
BIT = {**CLIP, "image_processor_type": "BitImageProcessor", "image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD}
VIT = {**PLAIN, "image_processor_type": "ViTImageProcessor", "resample": 2, "size": {"height": 56, "width": 56}}
CONVNEXT = {**PLAIN, "image_processor_type": "ConvNextImageProcessor", "resample": 3, "image_mean": IMAGENET_MEAN,
            "image_std": IMAGENET_STD}
EFFICIENTNET = {**PLAIN, "image_processor_type": "EfficientNetImageProcessor", "do_center_crop": False, "resample": 0,
                "size": {"height": 56, "width": 56}}
TIMM = {"input_size": [3, 56, 56], "interpolation": "bicubic", "crop_pct": 0.9, "crop_mode": "center", "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD, "num_classes": 0}
OPENCLIP = {"mean": CLIP_MEAN, "std": CLIP_STD, "interpolation": "bicubic", "resize_mode": "shortest"}


def square(side):
    return {"height": side, "width": side}


PREPROCESSORS = {
    "clip_crop_larger": {**CLIP, "size": {"shortest_edge": 41}, "crop_size": square(56)},
    "clip_crop_odd": {**CLIP, "size": {"shortest_edge": 61}, "crop_size": {"height": 56, "width": 43}},
    "clip_crop_only": {**CLIP, "do_resize": False, "size": {"shortest_edge": 56}, "crop_size": square(56)},
    "clip_numbers": {**CLIP, "size": 57, "crop_size": 56},
    "bit_bilinear": {**BIT, "resample": 2, "size": {"shortest_edge": 64}, "crop_size": square(55)},
    "bit_lanczos": {**BIT, "resample": 1, "size": {"shortest_edge": 64}, "crop_size": square(56)},
    "vit_oblong": {**VIT, "size": {"height": 40, "width": 56}},
    "vit_number": {**VIT, "size": 56},
    "vit_box": {**VIT, "resample": 4},
    "vit_hamming": {**VIT, "resample": 5},
    "vit_nearest": {**VIT, "resample": 0},
    "vit_raw": {**VIT, "do_rescale": False, "do_normalize": False},
    "vit_rescaled": {**VIT, "do_normalize": False},
    "vit_other_factor": {**VIT, "rescale_factor": 1 / 127.5},
    "convnext_crop": {**CONVNEXT, "size": {"shortest_edge": 61}, "crop_pct": 0.9},
    "convnext_warp": {**CONVNEXT, "size": {"shortest_edge": 384}, "crop_pct": 0.875},
    "efficientnet_offset": {**EFFICIENTNET, "rescale_offset": True, "rescale_factor": 1 / 127.5, "include_top": False},
    "efficientnet_top": {**EFFICIENTNET, "rescale_offset": False, "include_top": True, "image_mean": IMAGENET_MEAN,
                         "image_std": [0.47853944, 0.4732864, 0.47434163]},
    "efficientnet_crop": {**EFFICIENTNET, "do_center_crop": True, "crop_size": square(43), "resample": 3},
}
TIMM_CONFIGS = {
    "timm_crop_small": {**TIMM, "crop_pct": 0.875},
    "timm_crop_one": {**TIMM, "crop_pct": 1.0, "interpolation": "bilinear"},
    "timm_squash": {**TIMM, "crop_mode": "squash", "crop_pct": 0.95},
    "timm_border": {**TIMM, "crop_mode": "border", "crop_pct": 0.95},
    "timm_oblong": {**TIMM, "input_size": [3, 40, 56], "crop_pct": 0.9},
}
OPENCLIP_CONFIGS = {
    "openclip_squash": {**OPENCLIP, "resize_mode": "squash", "interpolation": "bilinear"},
    "openclip_longest": {**OPENCLIP, "resize_mode": "longest", "interpolation": "bilinear"},
}
LARGE = {"convnext_warp"}  # tensors of 1.8 MB: of the first two pictures only


def timm_transform(settings):
    wanted = {**settings, "input_size": tuple(settings["input_size"])}
    return timm.data.create_transform(**timm.data.resolve_data_config(pretrained_cfg=wanted), is_training=False)


def openclip_transform(settings):
    return open_clip.transform.image_transform_v2(open_clip.transform.PreprocessCfg(size=56, **settings), is_train=False)


def write(hub, name):
    """Writes the configuration of one variant; the reference's function from a picture to a tensor, and its name."""
    if name in PREPROCESSORS:
        prepare, processor = preparer(hub, PREPROCESSORS[name])
        return prepare, f"transformers {processor}"
    if name in TIMM_CONFIGS:
        settings = TIMM_CONFIGS[name]
        write_json(hub / "config.json", {"architecture": "vit_small_patch16_224", "num_classes": 0, "pretrained_cfg": settings})
        transform = timm_transform(settings)
        return (lambda picture: transform(picture).numpy()), "timm create_transform(is_training=False)"
    settings = OPENCLIP_CONFIGS[name]
    write_json(hub / "open_clip_config.json",
               {"model_cfg": {"embed_dim": 8, "vision_cfg": {"image_size": 56}, "text_cfg": {}}, "preprocess_cfg": settings})
    transform = openclip_transform(settings)
    return (lambda picture: transform(picture).numpy()), "open_clip image_transform_v2"


NAMES = [*PREPROCESSORS, *TIMM_CONFIGS, *OPENCLIP_CONFIGS]
