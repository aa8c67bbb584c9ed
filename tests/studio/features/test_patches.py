"""Features learned on the photos: equal to the paper's definition, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from handlens.studio.features import patches_extractor, rebuild
from handlens.studio.features.patches import SCALES, STRIDE, PatchExtractor


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Smooth random pictures [6, 96, 96, 3]; the last one is blank, as cut-outs are around their edges."""
    random = torch.Generator().manual_seed(0)
    rough = torch.rand(6, 3, 12, 12, generator=random) * 255
    smooth = F.interpolate(rough, (96, 96), mode="bilinear").permute(0, 2, 3, 1).to(torch.uint8)
    smooth[5] = 0
    return smooth.numpy()


@pytest.fixture(scope="module")
def extractor(pictures: np.ndarray) -> PatchExtractor:
    """Learned on these pictures (not to be changed)."""
    return patches_extractor(pictures, seed=0)


def by_definition(picture: torch.Tensor, tensors: dict[str, torch.Tensor], stage: str) -> list[torch.Tensor]:
    """Coates & Ng's encoding of one picture [3, S, S] in float64, patch by patch, with no shortcut."""
    whitening, mean, centres = (tensors[f"{stage}.{part}"].double() for part in ("whitening", "mean", "centres"))
    step = STRIDE[stage]
    cut = picture.unfold(1, 6, step).unfold(2, 6, step).permute(1, 2, 0, 3, 4)
    side = cut.shape[0]
    flat = cut.reshape(-1, 108)
    flat = flat - flat.mean(1, keepdim=True)
    flat = flat / (flat.square().mean(1, keepdim=True) + 10).sqrt()
    distance = ((flat - mean) @ whitening)[:, None] - centres
    length = distance.square().sum(2).sqrt()
    near = (length.mean(1, keepdim=True) - length).clamp(min=0).T.reshape(-1, side, side)
    return [near.mean((1, 2)), F.adaptive_avg_pool2d(near, 3).flatten()]


def test_layers(extractor: PatchExtractor) -> None:
    assert [(layer.id, layer.dim) for layer in extractor.layers] == [
        ("patches/fine/what", 256),
        ("patches/fine/where", 2304),
        ("patches/medium/what", 256),
        ("patches/medium/where", 2304),
        ("patches/coarse/what", 256),
        ("patches/coarse/where", 2304),
    ]
    assert (extractor.name, extractor.size) == ("patches", 96)


@pytest.mark.parametrize("stage", ["medium", "coarse", "fine"])
def test_features_follow_the_definition(extractor: PatchExtractor, pictures: np.ndarray, stage: str) -> None:
    found = extractor(torch.from_numpy(pictures[4:]))
    first = 2 * list(SCALES).index(stage)
    for i, picture in enumerate(torch.from_numpy(pictures[4:])):
        planes = F.avg_pool2d(picture.permute(2, 0, 1).double(), SCALES[stage])
        for got, wanted in zip(
            found[first : first + 2], by_definition(planes, extractor.tensors(), stage), strict=True
        ):
            torch.testing.assert_close(got[i].double(), wanted, rtol=1e-3, atol=2e-3)
            assert float(wanted.max()) > 0.1  # far above the tolerance, so agreement means something


def test_whitening_whitens(extractor: PatchExtractor) -> None:
    whitening = extractor.tensors()["coarse.whitening"]
    torch.testing.assert_close(whitening, whitening.T, rtol=1e-3, atol=1e-4)
    # A direction that never varies is scaled by 1 / sqrt(0.1) and the others by less.
    assert float(torch.linalg.eigvalsh(whitening).max()) == pytest.approx(0.1**-0.5, rel=1e-2)


def test_the_same_seed_gives_the_same_features(extractor: PatchExtractor, pictures: np.ndarray) -> None:
    batch = torch.from_numpy(pictures[:2])
    one = extractor(batch)
    same, other = (patches_extractor(pictures, seed=seed)(batch) for seed in (0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not torch.equal(one[0], other[0])


def test_a_picture_does_not_depend_on_its_batch(extractor: PatchExtractor, pictures: np.ndarray) -> None:
    together = extractor(torch.from_numpy(pictures))
    alone = extractor(torch.from_numpy(pictures[3:4]))
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a[3:4], b, rtol=1e-4, atol=1e-4)


def test_rebuild_needs_only_config_and_tensors(extractor: PatchExtractor, pictures: np.ndarray) -> None:
    again = rebuild(extractor.config(), extractor.tensors())
    batch = torch.from_numpy(pictures[:2])
    assert again.layers == extractor.layers
    assert all(torch.equal(a, b) for a, b in zip(extractor(batch), again(batch), strict=True))


@pytest.mark.parametrize("n", [1, 501])
def test_one_blank_picture_or_more_than_are_used(n: int) -> None:
    extractor = patches_extractor(np.zeros((n, 96, 96, 3), dtype=np.uint8), seed=0)
    features = extractor(torch.zeros(1, 96, 96, 3, dtype=torch.uint8))
    assert all(bool(feature.isfinite().all()) for feature in features)


def test_an_empty_batch(extractor: PatchExtractor) -> None:
    features = extractor(torch.empty(0, 96, 96, 3, dtype=torch.uint8))
    assert [tuple(feature.shape) for feature in features] == [(0, 256), (0, 2304)] * 3


@pytest.mark.parametrize("batch", [torch.zeros(1, 96, 96, 3), torch.zeros(1, 3, 96, 96, dtype=torch.uint8)])
def test_other_batches_are_refused(extractor: PatchExtractor, batch: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"must be uint8 \[B, 96, 96, 3\]"):
        extractor(batch)
