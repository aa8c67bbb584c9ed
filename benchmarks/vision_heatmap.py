"""What a heat map costs beside the forward and backward pass that it is made from: a section of vision.py."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import torch
from report import Bench
from torch import Tensor, nn

from handlens.vision import ImageItemList, create_cnn, get_transforms, heatmap, imagenet_stats, models
from handlens.vision.heatmap import METHODS

WARM, RUNS = 3, 20
SIDE = 224


def heat_maps(bench: Bench) -> None:
    """One photo, warm, in turn with bare passes of the same model over the same picture."""
    photos = bench.data / "cars" / "images"
    data = (
        ImageItemList.from_folder(photos)
        .random_split_by_pct(0.2, seed=0)
        .label_from_re(r"([^/]+)_\d+.jpg$")
        .transform(get_transforms(), size=SIDE)
        .databunch(bs=8, num_workers=0)
        .normalize(imagenet_stats)
    )
    picture, _ = data.valid_ds[0]
    inputs, _ = data.one_item(picture)
    for name, arch in (("MobileNetV2", "mobilenetv2_100"), ("ResNet-34", models.resnet34)):
        learn = create_cnn(data, arch, pretrained=False, seed=0)
        body, head = learn.model.eval()

        def passes(learn: Any = learn) -> None:
            """The lesson's: a forward pass, and the backward pass of one score."""
            learn.model(inputs)[0, 0].backward()
            learn.model.zero_grad()

        def least(body: Any = body, head: Any = head) -> None:
            """No more than Grad-CAM needs: no graph in the body, and back to its output alone."""
            with torch.no_grad():
                activations = body(inputs)
            activations.requires_grad_()
            torch.autograd.grad(head(activations)[0, 0], activations)

        ours: dict[str, Callable[[], Any]] = {
            method: lambda method=method, learn=learn: heatmap(learn, picture, cat=0, method=method)
            for method in METHODS
            if method != "cam"  # this head is not a pooling and a linear layer alone
        }
        taken = in_turn({"passes": passes, "least": least, "peer": peer(learn.model, inputs), **ours})
        bench.add(f"a forward and backward pass of {name}, {SIDE} px", taken["passes"], unit="ms")
        for method in ours:
            bar = {"at_most": 1.3} if method == "gradcam" else {}
            over = [a / b for a, b in zip(taken[method], taken["passes"], strict=True)]
            bench.add(f"heat map of one photo by {method} over that", over, unit="×", **bar)
        over = [a / b for a, b in zip(taken["gradcam"], taken["least"], strict=True)]
        bench.add("the same by gradcam over the least that it needs", over, at_most=1.3, unit="×")
        over = [a / b for a, b in zip(taken["gradcam"], taken["peer"], strict=True)]
        bench.add("the same by gradcam over pytorch-grad-cam", over, unit="×")


def peer(model: nn.Sequential, inputs: Tensor) -> Callable[[], Any]:
    """The same map by pytorch-grad-cam, which the tests agree with."""
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    # On a model of its own: its hooks stay on the model.
    model = copy.deepcopy(model)
    cam = GradCAM(model=model, target_layers=[model[0]])
    return lambda: cam(input_tensor=inputs, targets=[ClassifierOutputTarget(0)])


def in_turn(calls: dict[str, Callable[[], Any]]) -> dict[str, list[float]]:
    """Milliseconds of each call, warm, taken in turn so that whatever else the machine does meets all alike."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for run in range(WARM + RUNS):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            if run >= WARM:
                taken[name].append(1000 * (time.perf_counter() - started))
    return taken
