"""Where and in which number type networks run fastest on this machine."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from handlens.core.defaults import defaults


def device() -> torch.device:
    """`defaults.device`, but the CPU instead of Apple's MPS: its adaptive pooling refuses sizes that do not divide."""
    return torch.device("cpu") if defaults.device.type == "mps" else defaults.device


def half_precision(where: torch.device) -> bool:
    """Whether bfloat16 is the faster there: on GPUs that have it, and on CPUs with AMX or AVX-512 BF16."""
    if where.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return not _cpu_flags().isdisjoint({"amx_bf16", "avx512_bf16"})


def rounded_to_half(features: torch.Tensor) -> torch.Tensor:
    """Features rounded to half precision and back, but for those that are too large for it, which stay.

    Example:
        >>> rounded_to_half(torch.tensor([1 / 3, 1e5])).tolist()
        [0.333251953125, 100000.0]
    """
    rounded = features.half().float()
    return torch.where(rounded.isinf(), features, rounded)


@cache
def _cpu_flags() -> frozenset[str]:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("flags"):
                return frozenset(line.split())
    except OSError:
        # Not Linux: float32 is right everywhere.
        pass
    return frozenset()
