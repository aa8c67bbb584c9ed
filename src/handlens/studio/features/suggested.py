"""The pretrained networks that the page suggests, with what they cost to download."""

from __future__ import annotations

from typing import NamedTuple


class Suggested(NamedTuple):
    """A network that the page suggests.

    Attributes:
        name: its timm name.
        title: its name for people, and what it is good for.
        megabytes: the size of its weights, in 10⁶ bytes.

    Example:
        >>> min(SUGGESTED, key=lambda network: network.megabytes).name
        'mobilenetv2_100'
    """

    name: str
    title: str
    megabytes: int


SUGGESTED = [
    Suggested("tf_efficientnet_lite0", "EfficientNet-Lite0: comes with handlens", 19),
    Suggested("mobilenetv2_100", "MobileNetV2: small and quick", 14),
    Suggested("mobilenetv3_large_100", "MobileNetV3: quick, a little sharper", 22),
    Suggested("efficientnet_b0", "EfficientNet-B0: small and accurate", 21),
    Suggested("resnet34", "ResNet-34: the classic", 87),
    Suggested("convnextv2_nano", "ConvNeXt V2 nano: accurate, slower", 62),
    Suggested("vit_small_patch16_224", "ViT small: for what is in the whole picture", 88),
]

REPOSITORIES = {
    "mobilenetv2_100": "timm/mobilenetv2_100.ra_in1k",
    "mobilenetv3_large_100": "timm/mobilenetv3_large_100.ra_in1k",
    "efficientnet_b0": "timm/efficientnet_b0.ra_in1k",
    "resnet34": "timm/resnet34.a1_in1k",
    "convnextv2_nano": "timm/convnextv2_nano.fcmae_ft_in22k_in1k",
    "vit_small_patch16_224": "timm/vit_small_patch16_224.augreg_in21k_ft_in1k",
}
"""Where the hub keeps those that do not come with handlens; so that asking what is cached need not import timm."""
