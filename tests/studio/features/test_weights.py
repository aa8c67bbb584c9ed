"""The weights of backbones come from the hub once; asking whether they are here costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import handlens
from handlens.studio.features import backbone_extractor, cached

if TYPE_CHECKING:
    from tests.conftest import Hub


def test_weights_are_downloaded_once_and_then_cached(hub: Hub, shared_data: Path) -> None:
    path = shared_data / "weights" / "mobilenetv2_100.imagenet.safetensors"
    hub.content = path.read_bytes()
    assert not cached("mobilenetv2_100")
    extractor = backbone_extractor("mobilenetv2_100")
    assert cached("mobilenetv2_100")
    asked = hub.asked
    assert asked > 0
    hub.mode = "missing"
    again = backbone_extractor("mobilenetv2_100")
    assert hub.asked == asked
    given = backbone_extractor("mobilenetv2_100", weights=path)
    for one in (extractor, again):
        assert all(bool((one.tensors()[key] == value).all()) for key, value in given.tensors().items())


def test_importing_features_is_cheap() -> None:
    code = (
        "import sys, handlens.studio.features as f; f.cached('mobilenetv2_100'); "
        "assert f.cached('tf_efficientnet_lite0'); "
        "print([m for m in ('torch', 'timm', 'torchvision') if m in sys.modules])"
    )
    # Of this package alone: what else handlens.studio imports is not the matter here.
    source = Path(handlens.__file__).parents[1]
    stub = "import sys, types; m = types.ModuleType('handlens.studio'); "
    stub += f"m.__path__ = [{str(source / 'handlens' / 'studio')!r}]; sys.modules['handlens.studio'] = m; "
    environment = os.environ | {"PYTHONPATH": str(source)}
    done = subprocess.run(
        [sys.executable, "-c", stub + code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == "[]"


def test_efficientnet_lite0_comes_with_handlens(hub: Hub) -> None:
    assert cached("tf_efficientnet_lite0")
    extractor = backbone_extractor("tf_efficientnet_lite0")
    assert [layer.dim for layer in extractor.layers if layer.pooling == "what"] == [16, 24, 40, 112, 320]
    assert hub.asked == 0
