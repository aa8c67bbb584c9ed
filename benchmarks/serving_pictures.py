"""How much a served photo takes beside the forward pass of its model: one 224 px JPEG over a kept connection.

    python benchmarks/serving_pictures.py [--only resnet18,resnet34] [--requests 200] [--out benchmarks/results]

Requests to `handlens serve`, to a plain handler of FastAPI with torchvision, and bare forward passes are made in turn,
so that whatever else the machine does meets all alike. Each server is a process of its own, with the same threads; the
bare pass is made in this one, of the same model on the same input. Weights are random, which takes as long as others.
"""

from __future__ import annotations

import argparse
import functools
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import report
import torch
from PIL import Image
from report import ROOT, Bench

from handlens.core.saved import load_learner
from handlens.vision import ImageItemList, create_cnn, get_transforms, imagenet_stats, models

SIDE, WARM = 224, 20
BAR = 1.3


def measure(bench: Bench, name: str, requests: int) -> None:
    """The requests, the passes and their parts, for one network."""
    with tempfile.TemporaryDirectory() as place, ExitStack() as servers:
        root = Path(place)
        photo = photos_in(root, bench.data / "cars" / "images")
        folder = saved(root, name)
        body = photo.read_bytes()
        ours = servers.enter_context(serving("-m", "handlens", "serve", str(folder)))
        peer = servers.enter_context(serving(__file__, "--peer", name))
        learn = load_learner(folder)
        inputs, _ = learn.data.one_item(photo)

        def forward() -> None:
            with torch.inference_mode():
                learn.model(inputs)

        wanted = learn.predict_files([photo])["probability of a"][0]
        found = json.loads(ours(body))["prediction"]["probability of a"]
        assert abs(wanted - found) <= 1e-6, (wanted, found)
        calls: dict[str, Callable[[], Any]] = {
            "forward": forward,
            "ours": lambda: ours(body),
            "peer": lambda: peer(body),
            "reading": lambda: learn.data.one_item(photo),
            "table": lambda: learn.predict_files([photo]),
        }
        taken = in_turn(calls, requests)
    for what, key in (
        (f"a bare forward pass of {name}, {SIDE} px", "forward"),
        ("reading and transforming the photo", "reading"),
        ("a request to handlens serve", "ours"),
        ("a request to a plain handler of FastAPI with torchvision", "peer"),
        ("predict_files of the photo", "table"),
    ):
        for share in (50, 95):
            bench.add(f"{what}, p{share}", taken[key], value=float(np.percentile(taken[key], share)), unit="ms")
    for share, bar in ((50, None), (95, BAR)):
        over = {key: float(np.percentile(taken[key], share)) for key in taken}
        for key, whose, most in (("ours", "handlens serve", bar), ("peer", "the plain handler", None)):
            ratio = over[key] / over["forward"]
            bench.add(f"{whose} over the forward pass, p{share}", [ratio], at_most=most, unit="×")


def photos_in(root: Path, source: Path) -> Path:
    """Eight photos of SIDE × SIDE pixels, of two classes; the first one."""
    for i, file in enumerate(sorted(source.iterdir())[:8]):
        with Image.open(file) as picture:
            picture.convert("RGB").resize((SIDE, SIDE)).save(root / f"{'ab'[i % 2]}_{i}.jpg", quality=90)
    return root / "a_0.jpg"


def saved(root: Path, name: str) -> Path:
    """A model of the photos, saved."""
    items = ImageItemList.from_folder(root).split_by_idx([0, 1]).label_from_re(r"([ab])_")
    data = items.transform(get_transforms(), size=SIDE).databunch(bs=4, num_workers=0).normalize(imagenet_stats)
    return create_cnn(data, getattr(models, name), pretrained=False, seed=0).export("model")


@contextmanager
def serving(*command: str) -> Iterator[Callable[[bytes], bytes]]:
    """A server in a process of its own; what it gives asks it over one connection."""
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = re.search(r"127\.0\.0\.1:\d+", process.stdout.readline())
            assert address, "the server has not started"
            connection = http.client.HTTPConnection(address[0], timeout=120)

            def ask(body: bytes) -> bytes:
                try:
                    connection.request("POST", "/api/predict", body, {"Content-Type": "image/jpeg"})
                    answer = connection.getresponse()
                except (ConnectionError, http.client.RemoteDisconnected):  # closed, as it was silent for seconds
                    connection.close()
                    return ask(body)
                said = answer.read()
                assert answer.status == 200, said
                return said

            yield ask
            connection.close()
        finally:
            process.terminate()


def in_turn(calls: dict[str, Callable[[], Any]], runs: int) -> dict[str, list[float]]:
    """Milliseconds of each call, warm."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for run in range(WARM + runs):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            if run >= WARM:
                taken[name].append(1000 * (time.perf_counter() - began))
    return taken


def serve_peer(name: str) -> None:
    """A handler as many are written: torchvision decodes, transforms and predicts in FastAPI's threads."""
    import socket

    import uvicorn
    from fastapi import Body, FastAPI
    from torchvision.io import ImageReadMode, decode_image
    from torchvision.transforms import v2

    network = getattr(models, name)(weights=None).eval()
    normalize = v2.Normalize(*map(list, imagenet_stats))
    to_floats = v2.ToDtype(torch.float32, scale=True)
    prepare = v2.Compose([v2.Resize(SIDE, antialias=True), v2.CenterCrop(SIDE), to_floats, normalize])
    app = FastAPI()

    @app.post("/api/predict")
    def predict(photo: bytes = Body(media_type="image/jpeg")) -> dict[str, float]:
        picture = decode_image(torch.frombuffer(bytearray(photo), dtype=torch.uint8), ImageReadMode.RGB)
        with torch.inference_mode():
            p = network(prepare(picture)[None]).softmax(1)[0]
        return {"class": float(p.argmax()), "probability": float(p.max())}

    with socket.create_server(("127.0.0.1", 0)) as bound:
        print(f"127.0.0.1:{bound.getsockname()[1]}", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[bound])


def main() -> int:
    """Run the sections that are asked for."""
    os.environ["NO_PROXY"] = "127.0.0.1"

    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--requests", type=int, default=200)

    names = ("resnet18", "resnet34")
    sections: report.Sections = {name: functools.partial(measure, name=name, requests=0) for name in names}
    given = report.options(__doc__ or "", sections, more)
    sections = {name: functools.partial(measure, name=name, requests=given.requests) for name in names}
    return report.run("serving_pictures", Bench(given.data), sections, given)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        serve_peer(sys.argv[2])
    else:
        sys.exit(main())
