"""Random weights under which a picture matters.

With the usual small initial weights a deep network answers nearly the same to every picture, and a wrong resize would
hide behind a cosine of 0.99999. Here every layer keeps the size of its input, and attention prefers some tokens.
"""
import torch
from torch import nn

ATTENTION_GAIN = 2.0
ATTENTION = ("query", "key", "q_proj", "k_proj", "qkv", "in_proj")
TOKENS = ("position", "pos_embed", "cls_token", "class_embedding", "probe", "mask_token")


def fill(parameter, spread, centre=0.0):
    with torch.no_grad():
        parameter.copy_(centre + spread * torch.randn(parameter.shape))


def fill_matrix(name, parameter):
    fan_in = parameter[0].numel()
    # Queries and keys with a gain: some tokens are listened to, rather than the mean of all.
    gain = ATTENTION_GAIN if any(word in name for word in ATTENTION) else 1.0
    fill(parameter, gain / fan_in ** 0.5)


def enliven(model, seed):
    """Fills every parameter anew, in the order of their names."""
    torch.manual_seed(seed)
    embeddings = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    norms = set()
    for module in model.modules():
        if isinstance(module, (nn.LayerNorm, nn.BatchNorm2d, nn.GroupNorm)) or type(module).__name__.endswith("LayerNorm"):
            norms |= {id(module.weight)}
    for name, parameter in sorted(model.named_parameters()):
        if parameter.ndim == 0 or "logit" in name:
            continue
        if id(parameter) in norms:
            fill(parameter, 0.1, 1.0)
        elif name.endswith(("layer_scale_parameter", "lambda1")):
            fill(parameter, 0.05, 0.7)
        elif id(parameter) in embeddings or any(word in name for word in TOKENS):
            fill(parameter, 0.4)
        elif parameter.ndim >= 2:
            fill_matrix(name, parameter)
        else:
            fill(parameter, 0.05)
    return model.eval()


def settle(model, tensors):
    """Gives every batch norm the mean and variance of these tensors, as training would have."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        model(tensors)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
        norm.eval()
    return model
