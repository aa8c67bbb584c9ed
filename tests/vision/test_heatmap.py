"""Heat maps: by hand on tiny nets, against pytorch-grad-cam, and that the model is left as it was."""

from __future__ import annotations

import copy
import gc
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handlens.core.labels import Category
from handlens.errors import DataError, LayerError
from handlens.vision.feature_maps import last_spatial_layer
from handlens.vision.heatmap import METHODS, HeatMap, _position, heatmap, heatmaps

X = torch.tensor([[[1.0, 2], [3, 4]]])  # one channel, 2 × 2


def body() -> nn.Conv2d:
    """A_0 = x and A_1 = 1 everywhere."""
    layer = nn.Conv2d(1, 2, 1)
    layer.weight.data = torch.tensor([1.0, 0]).view(2, 1, 1, 1)
    layer.bias.data = torch.tensor([0.0, 1])  # type: ignore[union-attr]
    return layer


def pooled() -> nn.Sequential:
    """Scores 4·mean A_0 − 8·mean A_1 + 1 = 3 and 8·mean A_0 + 4·mean A_1 − 1 = 23."""
    linear = nn.Linear(2, 2)
    linear.weight.data = torch.tensor([[4.0, -8], [8, 4]])
    linear.bias.data = torch.tensor([1.0, -1])
    return nn.Sequential(body(), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear))


BY_HAND = {
    # (A_0 + A_1) / 2
    "activations": [[1, 1.5], [2, 2.5]],
    # 4 A_0 − 8 A_1
    "cam": [[-4, 0], [4, 8]],
    # The gradient at each of 4 places is w / 4 = (1, −2): ReLU(A_0 − 2 A_1).
    "gradcam": [[0, 0], [1, 2]],
    # Channel 0: Σ A = 10, α = 1 / (2 + 1·10), summed over 4 places 4/12. Channel 1: ReLU(−2) = 0. So A_0 / 3.
    "gradcam++": [[1 / 3, 2 / 3], [1, 4 / 3]],
    # ReLU(1) A_0 + ReLU(−2) A_1
    "layercam": [[1, 2], [3, 4]],
}


@pytest.mark.parametrize("method", METHODS)
def test_each_method_by_hand(method: str) -> None:
    found = heatmap(pooled(), X, cat=0, method=method)
    torch.testing.assert_close(found.data, torch.tensor(BY_HAND[method]).float())
    assert (found.cat, found.label, found.method) == (0, None, method)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        # The mean of the gradients is (1 + 0 − 2 + 3) / 4 = 0.5.
        ("gradcam", 0.5 * X[0]),
        # ΣA = 10: α is 1/12 where the gradient is 1 and 1/32 where it is 3: 1/12 + 3/32 = 17/96.
        ("gradcam++", 17 / 96 * X[0]),
        # ReLU(g) A, place by place
        ("layercam", torch.tensor([[1.0, 0], [0, 12]])),
    ],
)
def test_gradients_that_differ_from_place_to_place(method: str, expected: Tensor) -> None:
    linear = nn.Linear(4, 1, bias=False)
    linear.weight.data = torch.tensor([[1.0, 0, -2, 3]])
    one = nn.Conv2d(1, 1, 1, bias=False)
    one.weight.data.fill_(1)
    found = heatmap(nn.Sequential(one, nn.Flatten(), linear), X, layer="0", method=method)
    torch.testing.assert_close(found.data, expected)


def test_the_most_probable_class_unless_one_is_named() -> None:
    found = heatmap(pooled(), X)
    assert found.cat == 1
    torch.testing.assert_close(found.data, 2 * X[0] + 1)  # ReLU(8/4 A_0 + 4/4 A_1)


def small_net(seed: int = 0, *, linear_scale: float = 1.0) -> nn.Module:
    """A net with norms, in-place ReLUs and a residual block."""
    torch.manual_seed(seed)

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(8, 8, 3, padding=1)
            self.norm = nn.BatchNorm2d(8)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.relu(self.norm(self.conv(x)) + x)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
            self.block = Block()
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.drop = nn.Dropout(0.5)
            self.fc = nn.Linear(8, 5)
            self.unused = nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.drop(self.pool(self.block(self.stem(x))).flatten(1)))

    net = Net()
    for norm in (net.stem[1], net.block.norm):
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.5, 1.5)
        nn.init.normal_(norm.weight, 1, 0.3)
        nn.init.normal_(norm.bias, 0, 0.3)
    net.fc.weight.data *= linear_scale
    return net


@pytest.fixture
def batch() -> Tensor:
    return torch.randn(3, 3, 12, 16, generator=torch.Generator().manual_seed(5))


@pytest.mark.filterwarnings("ignore")  # of packages that the oracle needs
@pytest.mark.parametrize("layer", ["stem", "stem.0", "stem.1", "block.conv", "block.norm", "block"])
@pytest.mark.parametrize(
    ("method", "theirs"), [("gradcam", "GradCAM"), ("gradcam++", "GradCAMPlusPlus"), ("layercam", "LayerCAM")]
)
def test_the_same_as_pytorch_grad_cam(layer: str, method: str, theirs: str, batch: Tensor) -> None:
    pytorch_grad_cam = pytest.importorskip("pytorch_grad_cam")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    # Large gradients, because their α has 0.000001 added to gradients squared, which ours has not.
    model, cats = small_net(linear_scale=1000).eval(), [4, 0, 2]
    ours, _ = heatmaps(model, batch, cats, layer=layer, method=method)
    for module in model.modules():  # their gradients are taken after in-place changes otherwise
        if isinstance(module, nn.ReLU):
            module.inplace = False
    where = [model.get_submodule(layer)]
    with getattr(pytorch_grad_cam, theirs)(model=model, target_layers=where) as cam:
        targets = [ClassifierOutputTarget(cat) for cat in cats]
        cam(input_tensor=batch, targets=targets)
        seen = cam.activations_and_grads
        activations, gradients = seen.activations[0].numpy(), seen.gradients[0].numpy()
        expected = np.maximum(cam.get_cam_image(batch, where[0], targets, activations, gradients, False), 0)
    scale = float(np.abs(expected).max())
    assert scale > 0
    torch.testing.assert_close(ours / scale, torch.from_numpy(expected).float() / scale, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("cat", range(5))
def test_cam_is_grad_cam_but_for_its_scale_where_the_head_is_pooled_and_linear(cat: int, batch: Tensor) -> None:
    model = small_net()
    cam, _ = heatmaps(model, batch, [cat] * 3, method="cam")
    gradcam, _ = heatmaps(model, batch, [cat] * 3, method="gradcam")
    places = cam.shape[1] * cam.shape[2]
    torch.testing.assert_close(cam.relu() / places, gradcam)
    # And CAM adds up to the score: its mean is the score less the bias.
    scores = model.eval()(batch)[:, cat] - model.fc.bias[cat]  # type: ignore[union-attr, index]
    torch.testing.assert_close(cam.mean((1, 2)), scores)


def test_a_batch_is_its_pictures_one_by_one(batch: Tensor) -> None:
    model = small_net()
    together, cats = heatmaps(model, batch)
    for picture, one, cat in zip(batch, together, cats, strict=True):
        alone = heatmap(model, picture)
        assert alone.cat == cat
        torch.testing.assert_close(alone.data, one)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mode", ["train", "eval", "frozen", "channels_last", "no_grad", "inference"])
def test_in_whatever_state_the_model_is_and_leaves_it_so(method: str, mode: str, batch: Tensor) -> None:
    expected, _ = heatmaps(small_net().eval(), batch, [0, 1, 2], method=method)
    model = small_net()
    model.stem.eval()  # type: ignore[union-attr, operator]
    if mode == "eval":
        model.eval()
    if mode == "frozen":
        model.requires_grad_(False)
    if mode == "channels_last":
        model.to(memory_format=torch.channels_last)
    model.fc.weight.grad = torch.ones(5, 8)  # type: ignore[union-attr]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    flags = [module.training for module in model.modules()]
    needs = [parameter.requires_grad for parameter in model.parameters()]
    context = {"no_grad": torch.no_grad, "inference": torch.inference_mode}.get(mode, torch.enable_grad)
    with context():
        given = batch.clone().contiguous(memory_format=torch.channels_last) if mode == "channels_last" else batch + 0
        grad_mode = torch.is_grad_enabled()
        maps, _ = heatmaps(model, given, [0, 1, 2], method=method)
        assert torch.is_grad_enabled() == grad_mode
    torch.testing.assert_close(maps, expected)
    assert not maps.requires_grad
    assert not maps.is_inference()
    assert [module.training for module in model.modules()] == flags
    assert [parameter.requires_grad for parameter in model.parameters()] == needs
    grads = [parameter.grad for parameter in model.parameters()]
    assert [grad is not None for grad in grads] == [p is model.fc.weight for p in model.parameters()]  # type: ignore[union-attr]
    assert model.fc.weight.grad.eq(1).all()  # type: ignore[union-attr]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not hooked(model)


def hooked(model: nn.Module) -> bool:
    return any(m._forward_hooks or m._backward_hooks or m._forward_pre_hooks for m in model.modules())


def test_left_as_it_was_after_an_error(batch: Tensor) -> None:
    model = small_net()
    with pytest.raises(LayerError):
        heatmaps(model, batch, layer="pool")
    assert not hooked(model)
    assert all(module.training for module in model.modules())
    assert torch.is_grad_enabled()
    with pytest.raises(RuntimeError):
        heatmaps(model, batch[:, :2])
    assert not hooked(model)
    assert all(module.training for module in model.modules())


def test_gives_back_its_memory(batch: Tensor) -> None:
    def with_a_graph() -> int:
        gc.collect()
        return sum(type(x) is Tensor and x.grad_fn is not None for x in gc.get_objects())

    before = with_a_graph()
    model = small_net()
    heatmaps(model, batch)
    assert with_a_graph() == before


def test_the_layer_looked_at_unless_one_is_named(batch: Tensor) -> None:
    model = small_net()
    assert last_spatial_layer(model, batch) is model.block
    sequential = nn.Sequential(model.stem, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)))
    torch.testing.assert_close(heatmaps(sequential, batch)[0], heatmaps(sequential, batch, layer=sequential[0])[0])


class Wrapped(nn.Module):
    """A model that changes the output of another."""

    def __init__(self, change: Any) -> None:
        super().__init__()
        self.net = small_net()
        self.change = change

    def forward(self, x: Tensor) -> Any:
        return self.change(self.net(x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "saliency"}, "method must be one of activations, cam, gradcam.*'saliency' arrived"),
        ({"layer": "fc"}, r"spatial positions.*fc \(Linear\) is \[3, 5\]"),
        ({"layer": "pool"}, r"spatial positions.*pool \(AdaptiveAvgPool2d\) is \[3, 8, 1, 1\]"),
        ({"layer": "unused"}, r"unused \(Conv2d\) was not used"),
        ({"layer": "layer9"}, "'layer9' does not. The model has stem, block"),
        ({"layer": "block.conv1"}, "'block.conv1' does not. block has conv, norm, relu"),
        ({"layer": nn.Conv2d(3, 3, 1)}, "a part of the model; the Conv2d that arrived is not"),
        ({"layer": "stem", "method": "cam"}, r'an average pooling and one linear layer.*method="gradcam"'),
    ],
)
def test_layers_and_methods_that_do_not_fit(options: dict[str, Any], message: str, batch: Tensor) -> None:
    with pytest.raises(LayerError, match=message):
        heatmaps(small_net(), batch, **options)


def test_cam_refuses_a_hidden_layer_in_the_head(batch: Tensor) -> None:
    torch.manual_seed(0)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 5))
    with pytest.raises(LayerError, match="computes its scores in another way"):
        heatmaps(nn.Sequential(small_net().stem, head), batch, method="cam")
    concat = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    with pytest.raises(LayerError, match="computes its scores in another way"):
        heatmaps(nn.Sequential(small_net().stem, concat), batch, method="cam")


@pytest.mark.parametrize("method", ["gradcam", "gradcam++", "layercam"])
def test_scores_that_do_not_depend_on_the_layer(method: str, batch: Tensor) -> None:
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.aside, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            self.aside(x)
            return self.fc(x.mean((2, 3)))

    with pytest.raises(LayerError, match=r"do not depend on aside \(Conv2d\)"):
        heatmaps(Aside(), batch, layer="aside", method=method)


@pytest.mark.parametrize("cat", [5, -1])
def test_no_such_position(cat: int, batch: Tensor) -> None:
    with pytest.raises(DataError, match=f"a position from 0 to 4; {cat} arrived"):
        heatmap(small_net(), batch[0], cat=cat)


@pytest.mark.parametrize("cat", ["3", 1.5, None])
def test_what_is_no_class(cat: Any, batch: Tensor) -> None:
    if cat is None:
        assert heatmap(small_net(), batch[0], cat=cat).cat in range(5)
        return
    with pytest.raises(DataError, match=re.escape(f"cat must be a class; {cat!r} is not")):
        heatmap(small_net(), batch[0], cat=cat)


@pytest.mark.parametrize("given", [Category("b", 3), np.int64(3), torch.tensor(3)])
def test_a_class_in_other_forms(given: Any, batch: Tensor) -> None:
    assert heatmap(small_net(), batch[0], cat=given).cat == 3


def test_as_many_classes_as_pictures(batch: Tensor) -> None:
    with pytest.raises(DataError, match="one class for each picture; 2 for 3 pictures"):
        heatmaps(small_net(), batch, [0, 1])


@pytest.mark.parametrize("change", [lambda out: (out, out), lambda out: out[:, 0], lambda out: {"out": out}])
def test_a_model_that_is_no_classifier(change: Any, batch: Tensor) -> None:
    with pytest.raises(DataError, match=r"explains the scores \[B, classes\]"):
        heatmaps(Wrapped(change), batch)


@pytest.mark.parametrize(
    "image", [torch.zeros(4, 4), torch.zeros(2, 3, 4, 4), "a.jpg", torch.zeros(1, 3, 4, 4, dtype=torch.uint8)]
)
def test_what_is_no_picture(image: Any) -> None:
    with pytest.raises(DataError, match=r"3, H, W\]"):
        heatmap(small_net(), image)


def test_a_network_without_places() -> None:
    with pytest.raises(LayerError, match="no layer of Sequential has"):
        heatmap(nn.Sequential(nn.Flatten(), nn.Linear(27, 9), nn.Linear(9, 2)), torch.zeros(3, 3, 3))


def test_channels_at_the_end() -> None:
    class Last(nn.Module):
        """Puts channels at the end, as Swin does, and back."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.last = nn.Conv2d(3, 10, 3, stride=2, padding=1), nn.Identity()
            self.fc = nn.Linear(10, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.last(self.conv(x).permute(0, 2, 3, 1)).mean((1, 2)))

    torch.manual_seed(0)
    model, x = Last(), torch.randn(2, 3, 12, 17)
    for method in METHODS:
        first, _ = heatmaps(model, x, layer="conv", method=method)
        last, _ = heatmaps(model, x, layer="last", method=method)
        assert first.shape == (2, 6, 9)
        torch.testing.assert_close(first, last)


@pytest.mark.parametrize("extra", [0, 1, 5])
def test_tokens_of_a_transformer(extra: int) -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.block = nn.Conv2d(3, 6, 4, stride=4), nn.Identity()
            self.fc = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            tokens = self.block(torch.cat([tokens.new_ones(len(x), extra, 6), tokens], 1))
            return self.fc(tokens.square().mean(1))

    torch.manual_seed(0)
    model, x = Tokens(), torch.randn(1, 3, 16, 24)
    places, _ = heatmaps(model, x, layer="patches")
    tokens, _ = heatmaps(model, x, layer="block")
    assert tokens.shape == (1, 4, 6)
    torch.testing.assert_close(places, tokens)


def test_patches_that_the_scores_do_not_look_at() -> None:
    class ClassToken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches, self.block, self.fc = nn.Conv2d(3, 6, 4, stride=4), nn.Identity(), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            return self.fc(self.block(torch.cat([tokens.mean(1, keepdim=True), tokens], 1))[:, 0])

    with pytest.raises(LayerError, match="only on its class token; choose an earlier layer"):
        heatmap(ClassToken(), torch.randn(3, 16, 16), layer="block")


def test_a_module_that_runs_twice_counts_as_it_ran_last() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu, self.fc = nn.ReLU(inplace=True), nn.Linear(1, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc((self.relu(self.relu(x + 0) * 2)).mean((2, 3)))

    model = Twice()
    model.fc.weight.data.fill_(1)
    torch.testing.assert_close(heatmap(model, X, layer="relu", method="layercam").data, 2 * X[0] / 4)


# Drawing


def test_resized_to_the_picture() -> None:
    # From 2 places to 4 pixels: pixel centres lie at −¼, ¼, ¾, 1¼ of the distance between the two.
    found = HeatMap(torch.tensor([[0.0, 1]]), torch.zeros(3, 1, 4), 0, None, "cam")
    assert found.resized().tolist() == [[0, 0.25, 0.75, 1]]


def test_drawn_over_the_picture() -> None:
    from matplotlib import colormaps

    picture = torch.rand(3, 2, 2, generator=torch.Generator().manual_seed(0))
    drawn = HeatMap(torch.tensor([[1.0, 3], [2, 5]]), picture, 0, None, "cam").drawn()
    # Scaled by (x − 1) / 4 to 0, ½, ¼, 1; six tenths of the colour and four of the picture.
    for (row, column), heat in {(0, 0): 0.0, (0, 1): 0.5, (1, 0): 0.25, (1, 1): 1.0}.items():
        colour = torch.tensor(colormaps["magma"](heat)[:3])
        torch.testing.assert_close(drawn[:, row, column], (0.4 * picture[:, row, column] + 0.6 * colour).float())


def test_a_map_that_is_the_same_everywhere_is_drawn_dark() -> None:
    drawn = HeatMap(torch.full((2, 2), 7.0), torch.ones(3, 4, 4), 0, None, "cam").drawn()
    assert torch.isfinite(drawn).all()
    assert drawn.max() < 0.42


@pytest.fixture
def _no_windows() -> Iterator[None]:
    import matplotlib
    from matplotlib import pyplot as plt

    matplotlib.use("agg")
    yield
    plt.close("all")


@pytest.mark.usefixtures("_no_windows")
def test_shown(batch: Tensor) -> None:
    from matplotlib import pyplot as plt

    found = heatmap(small_net(), batch[0], cat=2)
    assert repr(found) == "HeatMap 6 × 8 of 2 by gradcam"
    ax = found.show()
    assert ax.get_images()[0].get_array().shape == (12, 16, 3)
    assert ax.get_title() == "2 (gradcam)"
    _, other = plt.subplots()
    assert found.show(other) is other


# The real network


@pytest.fixture(scope="module")
def mobilenet(shared_data: Path) -> nn.Module:
    timm = pytest.importorskip("timm")
    from safetensors.torch import load_file

    weights = shared_data / "weights" / "mobilenetv2_100.imagenet.safetensors"
    if not weights.is_file():
        pytest.skip(f"needs the weights, which are not at {weights}")
    model: nn.Module = timm.create_model("mobilenetv2_100")
    model.load_state_dict(load_file(weights))
    return model.eval()


def test_what_is_highlighted_matters_more_than_any_other_part(mobilenet: nn.Module, shared_data: Path) -> None:
    """Blurring the fifth of a car that a map marks costs more of the class's probability than another fifth."""
    from PIL import Image as Pillow

    mean, std, side = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225]), 224
    pictures = []
    for file in sorted((shared_data / "cars" / "images").glob("*.jpg"))[::150]:  # one of each view
        with Pillow.open(file) as opened:
            pixels = np.asarray(opened.convert("RGB").resize((side, side)), np.float32) / 255
        pictures.append(((torch.from_numpy(pixels) - mean) / std).permute(2, 0, 1))
    batch = torch.stack(pictures)
    blurred = F.interpolate(F.adaptive_avg_pool2d(batch, side // 16), (side, side), mode="bilinear")
    maps, cats = {}, [0]
    for method in ("gradcam", "gradcam++", "layercam"):
        maps[method], cats = heatmaps(mobilenet, batch, method=method)

    def probability(x: Tensor) -> Tensor:
        with torch.inference_mode():
            return mobilenet(x).softmax(1)[range(len(cats)), cats]

    def cost(small: Tensor) -> float:
        heat = F.interpolate(small[:, None], (side, side), mode="bilinear")
        marked = heat > heat.flatten(1).quantile(0.8, dim=1).view(-1, 1, 1, 1)
        return float((before - probability(torch.where(marked, blurred, batch))).mean())

    before, generator = probability(batch), torch.Generator().manual_seed(0)
    # Random maps of the same resolution: their fifth is as large and has an outline of the same kind.
    others = [cost(torch.rand(maps["gradcam"].shape, generator=generator)) for _ in range(4)]
    for method, small in maps.items():
        assert cost(small) > max(1.5 * np.mean(others), max(others)), method


# ---------------------------------------------------------------------------------------------- the right layer


def transformer(name: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model(name, pretrained=False, num_classes=3, **options).eval()


@pytest.mark.parametrize(
    ("name", "options", "layer", "grid"),
    [
        ("vit_tiny_patch16_224", {"depth": 2, "img_size": 64}, "blocks.1.norm1", (4, 4)),
        ("deit_tiny_patch16_224", {"depth": 2, "img_size": 64}, "blocks.1.norm1", (4, 4)),
        ("deit_tiny_distilled_patch16_224", {"depth": 2, "img_size": 64}, "blocks.1.norm1", (4, 4)),
        ("vit_small_patch14_dinov2", {"depth": 2, "img_size": 56}, "blocks.1.norm1", (4, 4)),
        ("vit_small_patch14_reg4_dinov2", {"depth": 2, "img_size": 56}, "blocks.1.norm1", (4, 4)),
        ("vit_tiny_patch16_224", {"depth": 2, "img_size": 64, "global_pool": "avg"}, "norm", (4, 4)),
        ("coat_tiny", {"img_size": 64}, "parallel_blocks.5.norm14", (2, 2)),
        ("xcit_nano_12_p16_224", {"depth": 1, "img_size": 64}, "cls_attn_blocks.1.norm1", (4, 4)),
        ("swin_tiny_patch4_window7_224", {"depths": (1, 1, 1, 1), "img_size": 64}, "norm", (2, 2)),
    ],
)
def test_p12_the_layer_is_found_on_whose_positions_the_scores_depend(
    name: str, options: dict[str, object], layer: str, grid: tuple[int, int]
) -> None:
    net = transformer(name, **options)
    picture = torch.rand(3, int(options["img_size"]), int(options["img_size"]))
    for method in ("gradcam", "layercam"):
        found = heatmap(net, picture, cat=1, method=method)
        torch.testing.assert_close(found.data, heatmap(net, picture, cat=1, method=method, layer=layer).data)
        assert tuple(found.data.shape) == grid


def test_p12_a_network_that_pools_by_attention() -> None:
    net = transformer("resnet50_clip")
    picture = torch.rand(3, 224, 224)
    assert tuple(heatmap(net, picture, cat=0).data.shape) == (7, 7)
    torch.testing.assert_close(heatmap(net, picture, cat=0).data, heatmap(net, picture, cat=0, layer="stages").data)


class _OneQuery(nn.Module):
    """A convolution, then one query of attention that is computed from it: [B, heads, 1, channels]."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.query, self.head = nn.Conv2d(3, 8, 4, 4), nn.Identity(), nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.query(self.body(x).mean((2, 3))[:, None, None]).flatten(1))


def test_p12_what_is_not_in_the_shape_of_the_picture_comes_last() -> None:
    net, picture = _OneQuery(), torch.rand(3, 16, 16)
    assert last_spatial_layer(net, picture[None]) is net.body
    assert tuple(heatmap(net, picture).data.shape) == (4, 4)
    flat = nn.Sequential(nn.Conv2d(3, 4, (1, 16)), nn.Flatten(), nn.Linear(64, 2))  # there is nothing better
    assert tuple(heatmap(flat, picture).data.shape) == (16, 1)


def test_p12_a_picture_that_is_not_square() -> None:
    net = transformer("vit_tiny_patch16_224", depth=2, img_size=(64, 96))
    assert tuple(heatmap(net, torch.rand(3, 64, 96)).data.shape) == (4, 6)


def test_p12_a_layer_without_influence_is_named_with_what_to_choose() -> None:
    net = transformer("vit_tiny_patch16_224", depth=2, img_size=64)
    with pytest.raises(LayerError, match=r"do not depend on the patch tokens of norm \(LayerNorm\).* the last block"):
        heatmap(net, torch.rand(3, 64, 64), layer="norm")


# ---------------------------------------------------------------------------------------------- other numbers and kinds


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_p19_a_model_of_half_precision(kind: torch.dtype) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    half, picture = copy.deepcopy(net).to(kind), torch.rand(3, 8, 8)
    for given in (picture, picture.to(kind)):
        for layer in (None, "0", half[0]):
            name = None if layer is None else "0"
            expected = heatmap(copy.deepcopy(half).float(), given.float(), cat=1, layer=name)
            torch.testing.assert_close(heatmap(half, given, cat=1, layer=layer).data, expected.data)
    assert half[0].weight.dtype == kind


def test_p19_a_scripted_or_traced_model_is_refused_in_our_words() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch advises something newer
        models = torch.jit.script(net), torch.jit.trace(net, torch.rand(1, 3, 8, 8))
    for model in (*models, nn.Sequential(models[0])):
        for layer in (None, "0"):
            with pytest.raises(
                LayerError, match=r"a scripted or traced one arrived\. Give the model that it was made from"
            ):
                heatmap(model, torch.rand(3, 8, 8), layer=layer)


@pytest.mark.parametrize(("cat", "position"), [(3, 1), (7, 2), (np.int64(7), 2), (0, 0), (np.int32(0), 0)])
def test_p19_classes_that_are_numbers_are_named(cat: object, position: int) -> None:
    assert _position(cat, [0, 3, 7]) == position


@pytest.mark.parametrize("cat", [1, 2, np.int64(1), "3", 1.5, None])
def test_p19_a_number_that_names_no_class_is_not_taken_for_a_position(cat: object) -> None:
    with pytest.raises(DataError, match=r"cat must be a class; .* is not: the classes are 0, 3, 7"):
        _position(cat, [0, 3, 7])


def test_p19_positions_hold_where_names_are_text() -> None:
    assert [_position(cat, ["a", "b"]) for cat in ("b", 1, np.int64(0), np.uint8(1))] == [1, 1, 0, 1]
    assert [_position(cat, [False, True]) for cat in (True, False, np.bool_(True))] == [1, 0, 1]
    assert _position(np.int64(2), None) == 2
