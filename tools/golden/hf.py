"""Golden families of transformers: CLIP, SigLIP, ViT, DINOv2, ConvNeXt, ResNet, EfficientNet."""
import numpy
import torch
import transformers
from transformers import AutoImageProcessor

from family import CLIP_MEAN, CLIP_STD, HALF, IMAGENET_MEAN, IMAGENET_STD, RESCALE, Family, Head, Tower, only, write_json
from lively import enliven, settle
from tokenizers_made import write_clip, write_siglip

SIZE = {"height": 224, "width": 224}


def preparer(hub, preprocessor):
    """Writes preprocessor_config.json and loads it as a user of the hub does, with the slow (PIL) classes."""
    write_json(hub / "preprocessor_config.json", preprocessor)
    processor = AutoImageProcessor.from_pretrained(hub, use_fast=False)

    def prepare(picture):
        return processor(images=picture, return_tensors="np")["pixel_values"][0].astype(numpy.float32)

    return prepare, type(processor).__name__


def save_config(hub, model):
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(hub)


def padded(tokenizer, texts, length):
    """Each text alone, padded to the positions of the model; the mask as the tokenizer gives it."""
    rows = tokenizer(texts, padding="max_length", truncation=True, max_length=length, return_tensors="np",
                     return_attention_mask=True)
    return rows["input_ids"].astype("i8"), rows["attention_mask"].astype("i8")


def clip_config(text_width, patch, act):
    return transformers.CLIPConfig(
        text_config={"hidden_size": text_width, "intermediate_size": 2 * text_width, "num_hidden_layers": 2,
                     "num_attention_heads": 4, "hidden_act": act, "eos_token_id": 2, "bos_token_id": 0},
        vision_config={"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4,
                       "image_size": 224, "patch_size": patch, "hidden_act": act},
        projection_dim=512, attn_implementation="eager")


def clip_image(model, pixel_values):
    seen = model.vision_model(pixel_values=pixel_values)
    return {"image_embeds": model.visual_projection(seen[1]), "last_hidden_state": seen[0]}


def clip_text(model, input_ids, attention_mask):
    read = model.text_model(input_ids=input_ids, attention_mask=attention_mask)
    return {"text_embeds": model.text_projection(read[1]), "last_hidden_state": read[0]}


def clip_both(model, input_ids, pixel_values, attention_mask):
    return only(model(input_ids=input_ids, pixel_values=pixel_values, attention_mask=attention_mask), "logits_per_image",
                "logits_per_text", "text_embeds", "image_embeds")


def joint_heads(image, text):
    return [Head("joint", "image", image, "none"), Head("joint", "text", text, "none")]


def clip_family(hub, seed, config, preprocessor, image_file, text_file, combined=None):
    model = enliven(transformers.CLIPModel(config), seed)
    save_config(hub, model)
    prepare, processor = preparer(hub, preprocessor)
    tokenizer = write_clip(hub)

    def tokenize(texts):
        ids, mask = padded(tokenizer, texts, 77)
        return ids, mask, ids

    return Family(
        reference=f"transformers {processor}, CLIPTokenizerFast, CLIPModel.get_image_features and get_text_features",
        prepare=prepare, image=Tower(image_file, model, clip_image, ["pixel_values"]),
        text=Tower(text_file, model, clip_text, ["input_ids", "attention_mask"]), tokenize=tokenize,
        heads=joint_heads("image_embeds", "text_embeds"), combined=combined,
        direct={"image": lambda pixels: model.get_image_features(pixel_values=pixels),
                "text": lambda ids, mask: model.get_text_features(input_ids=ids, attention_mask=mask)})


def clip(hub, seed, _):
    return clip_family(
        hub, seed, clip_config(32, 32, "quick_gelu"),
        {"crop_size": SIZE, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True, "do_rescale": True,
         "do_resize": True, "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": CLIP_MEAN,
         "image_processor_type": "CLIPFeatureExtractor", "image_std": CLIP_STD, "resample": 3, "rescale_factor": RESCALE,
         "size": {"shortest_edge": 224}}, "onnx/vision_model.onnx", "onnx/text_model.onnx")


def clip_combined(hub, seed, _):
    """One model.onnx with both towers, and the oldest form of preprocessor_config.json: sizes are bare numbers."""
    return clip_family(
        hub, seed, clip_config(32, 16, "gelu"),
        {"crop_size": 224, "do_center_crop": True, "do_normalize": True, "do_resize": True,
         "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": CLIP_MEAN, "image_std": CLIP_STD, "resample": 3,
         "size": 224}, "onnx/model.onnx", "onnx/model.onnx", combined="onnx/model.onnx")


def siglip(hub, seed, _):
    slow, fast = write_siglip(hub)
    tower = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = transformers.SiglipConfig(
        text_config={**tower, "vocab_size": len(slow), "max_position_embeddings": 64},
        vision_config={**tower, "image_size": 224, "patch_size": 16}, attn_implementation="eager")
    model = enliven(transformers.SiglipModel(config), seed)
    save_config(hub, model)
    prepare, processor = preparer(
        hub, {"do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": HALF,
              "image_processor_type": "SiglipImageProcessor", "image_std": HALF, "processor_class": "SiglipProcessor",
              "resample": 3, "rescale_factor": RESCALE, "size": SIZE})

    def tokenize(texts):
        ids, mask = padded(slow, texts, 64)
        return ids, mask, numpy.array([fast.encode(text).ids for text in texts], dtype="i8")

    # SigLIP's own examples call the text tower without a mask: padding takes part in attention.
    return Family(
        reference=f"transformers {processor}, SiglipTokenizer (slow), SiglipModel.get_image_features and get_text_features",
        prepare=prepare, heads=joint_heads("pooler_output", "pooler_output"), tokenize=tokenize,
        image=Tower("onnx/vision_model.onnx", model,
                    lambda m, pixels: only(m.vision_model(pixel_values=pixels), "last_hidden_state", "pooler_output"),
                    ["pixel_values"]),
        text=Tower("onnx/text_model.onnx", model,
                   lambda m, ids: only(m.text_model(input_ids=ids), "last_hidden_state", "pooler_output"), ["input_ids"]),
        direct={"image": lambda pixels: model.get_image_features(pixel_values=pixels),
                "text": lambda ids, mask: model.get_text_features(input_ids=ids)})


def image_only(hub, model, preprocessor, heads, outputs):
    save_config(hub, model)
    prepare, processor = preparer(hub, preprocessor)
    tower = Tower("onnx/model.onnx", model, lambda m, pixels: only(m(pixel_values=pixels), *outputs), ["pixel_values"])
    return Family(reference=f"transformers {processor}, {type(model).__name__}", prepare=prepare, image=tower, heads=heads)


def vit(hub, seed, _):
    config = transformers.ViTConfig(hidden_size=256, num_hidden_layers=2, num_attention_heads=4, intermediate_size=512,
                                    attn_implementation="eager")
    return image_only(
        hub, enliven(transformers.ViTModel(config), seed),
        {"do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": HALF,
         "image_processor_type": "ViTFeatureExtractor", "image_std": HALF, "resample": 2, "rescale_factor": RESCALE,
         "size": SIZE},
        [Head("cls", "image", "last_hidden_state", "cls"), Head("mean", "image", "last_hidden_state", "mean", 1),
         Head("pooler", "image", "pooler_output", "none")], ["last_hidden_state", "pooler_output"])


def dinov2(hub, seed, _):
    """Positions are made for 518 pixels and interpolated to 224 inside the network, as in the hub's."""
    config = transformers.Dinov2Config(hidden_size=128, num_hidden_layers=2, num_attention_heads=4, mlp_ratio=2,
                                       image_size=518, patch_size=14, attn_implementation="eager")
    return image_only(
        hub, enliven(transformers.Dinov2Model(config), seed),
        {"crop_size": SIZE, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True, "do_rescale": True,
         "do_resize": True, "image_mean": IMAGENET_MEAN, "image_processor_type": "BitImageProcessor",
         "image_std": IMAGENET_STD, "resample": 3, "rescale_factor": RESCALE, "size": {"shortest_edge": 256}},
        [Head("cls", "image", "last_hidden_state", "cls"), Head("mean", "image", "last_hidden_state", "mean", 1),
         Head("cls_mean", "image", "last_hidden_state", "cls_mean", 1)], ["last_hidden_state"])


def convnext(hub, seed, _):
    config = transformers.ConvNextConfig(hidden_sizes=[32, 64, 128, 384], depths=[1, 1, 2, 1])
    return image_only(
        hub, enliven(transformers.ConvNextModel(config), seed),
        {"crop_pct": 0.875, "do_normalize": True, "do_resize": True, "feature_extractor_type": "ConvNextFeatureExtractor",
         "image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD, "resample": 3, "size": 224},
        [Head("pooler", "image", "pooler_output", "none"), Head("space", "image", "last_hidden_state", "space")],
        ["last_hidden_state", "pooler_output"])


def resnet(hub, seed, pictures):
    config = transformers.ResNetConfig(embedding_size=32, hidden_sizes=[64, 128, 256, 2048], depths=[1, 1, 1, 1])
    family = image_only(
        hub, enliven(transformers.ResNetModel(config), seed),
        {"crop_pct": 0.875, "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": IMAGENET_MEAN,
         "image_processor_type": "ConvNextImageProcessor", "image_std": IMAGENET_STD, "resample": 3,
         "rescale_factor": RESCALE, "size": {"shortest_edge": 224}},
        [Head("pooler", "image", "pooler_output", "none")], ["last_hidden_state", "pooler_output"])
    return settled(family, pictures)


def efficientnet(hub, seed, pictures):
    config = transformers.EfficientNetConfig(image_size=224, width_coefficient=0.5, depth_coefficient=0.4, hidden_dim=640,
                                             dropout_rate=0.2)
    family = image_only(
        hub, enliven(transformers.EfficientNetModel(config), seed),
        {"crop_size": {"height": 289, "width": 289}, "do_center_crop": False, "do_normalize": True, "do_rescale": True,
         "do_resize": True, "image_mean": IMAGENET_MEAN, "image_processor_type": "EfficientNetImageProcessor",
         "image_std": [0.47853944, 0.4732864, 0.47434163], "include_top": True, "resample": 0, "rescale_factor": RESCALE,
         "rescale_offset": False, "size": SIZE},
        [Head("pooler", "image", "pooler_output", "none")], ["last_hidden_state", "pooler_output"])
    return settled(family, pictures)


def settled(family, pictures):
    tensors = torch.from_numpy(numpy.stack([family.prepare(picture) for picture in pictures]))
    settle(family.image.model, tensors)
    return family


FAMILIES = {"clip": clip, "clip_combined": clip_combined, "siglip": siglip, "vit": vit, "dinov2": dinov2,
            "convnext": convnext, "resnet": resnet, "efficientnet": efficientnet}
