"""Layers to build convolutional networks of, as lessons 6 and 7 of the course do."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from handlens.errors import TrainingError

__all__ = ["MergeLayer", "ResidualBlock", "conv_layer", "res_block", "simple_cnn"]


def conv_layer(
    ni: int,
    nf: int,
    ks: int = 3,
    stride: int = 1,
    padding: int | None = None,
    *,
    bias: bool | None = None,
    norm: bool = True,
    activation: bool = True,
) -> nn.Sequential:
    """A convolution, a ReLU and a batch norm, in this order.

    Args:
        ni, nf: the numbers of channels of the input and of the output.
        ks: height and width of the kernel in pixels.
        stride: by how many pixels it moves on.
        padding: pixels of zeros on each side; (ks − 1) / 2, rounded down, unless given.
        bias: whether the convolution adds a number to each channel; without a batch norm unless given.
        norm: whether there is a batch norm.
        activation: whether there is a ReLU.

    Weights begin as He et al. (2015, arXiv 1502.01852) say: normal, with a variance of 2 / (ni · ks²); biases as 0.

    Example:
        >>> conv_layer(1, 8, stride=2)(torch.rand(2, 1, 28, 28)).shape
        torch.Size([2, 8, 14, 14])
    """
    conv = nn.Conv2d(
        ni, nf, ks, stride, (ks - 1) // 2 if padding is None else padding, bias=not norm if bias is None else bias
    )
    nn.init.kaiming_normal_(conv.weight)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    layers: list[nn.Module] = [conv]
    if activation:
        layers.append(nn.ReLU(inplace=True))
    if norm:
        layers.append(nn.BatchNorm2d(nf))
    return nn.Sequential(*layers)


class MergeLayer(nn.Module):
    """Merge what went into a `ResidualBlock` with what its layers made of it: the sum, or both side by side.

    Args:
        dense: side by side, along the channels (Huang et al. 2016, arXiv 1608.06993), in place of the sum.

    Example:
        >>> MergeLayer(dense=True)(torch.ones(1, 2, 4, 4), torch.zeros(1, 3, 4, 4)).shape
        torch.Size([1, 5, 4, 4])
    """

    def __init__(self, dense: bool = False) -> None:
        super().__init__()
        self.dense = dense

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        return torch.cat([after, before], dim=1) if self.dense else after + before


class ResidualBlock(nn.Module):
    """Layers whose output is merged with their input (He et al. 2015, arXiv 1512.03385).

    Args:
        layers: applied one after the other.
        merge: merges the input with the output.

    Example:
        >>> block = ResidualBlock([conv_layer(4, 4), conv_layer(4, 4)], MergeLayer())
        >>> block(torch.rand(2, 4, 8, 8)).shape
        torch.Size([2, 4, 8, 8])
    """

    def __init__(self, layers: Sequence[nn.Module], merge: MergeLayer) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.merge = merge

    def forward(self, inputs: Tensor) -> Tensor:
        merged: Tensor = self.merge(inputs, self.layers(inputs))
        return merged


def res_block(nf: int, dense: bool = False) -> ResidualBlock:
    """Two convolutions of nf channels and the sum of their output with their input.

    Args:
        nf: the number of channels, which stays the same.
        dense: half as many channels in the second convolution, side by side with the input: nf + nf / 2 come out.

    Example:
        >>> res_block(8)(torch.rand(2, 8, 14, 14)).shape
        torch.Size([2, 8, 14, 14])
    """
    return ResidualBlock([conv_layer(nf, nf), conv_layer(nf, nf // 2 if dense else nf)], MergeLayer(dense))


def simple_cnn(
    actns: Sequence[int],
    kernel_szs: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    *,
    bn: bool = False,
) -> nn.Sequential:
    """A small network of convolutions, averaged over the picture at the end: one number a picture and channel.

    Args:
        actns: the numbers of channels: of the pictures, of what is between the layers, and of the output.
        kernel_szs: the size of each kernel in pixels; 3 unless given.
        strides: the stride of each; 2 unless given.
        bn: a batch norm after each layer but the last.

    Raises:
        TrainingError: there is not one size and one stride for each layer.

    Example:
        >>> simple_cnn((3, 16, 16, 2))(torch.rand(4, 3, 28, 28)).shape
        torch.Size([4, 2])
    """
    n = len(actns) - 1
    sizes, steps = kernel_szs or [3] * n, strides or [2] * n
    if n < 1 or len(sizes) != n or len(steps) != n:
        raise TrainingError(
            f"simple_cnn needs two numbers of channels or more, and a kernel and a stride for each layer; {len(actns)} "
            f"numbers, {len(sizes)} kernels and {len(steps)} strides arrived: give {max(n, 1)} of each."
        )
    layers: list[nn.Module] = [
        conv_layer(actns[i], actns[i + 1], sizes[i], steps[i], norm=bn and i < n - 1) for i in range(n)
    ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
