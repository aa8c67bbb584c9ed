"""Saved models from strangers: nothing outside their folder is read, nothing is run, and sizes are checked first."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from handlens.core.artifact import load_artifact, load_weights, save_artifact, save_weights
from handlens.core.saved import load_learner
from handlens.errors import ArtifactError, BackboneError, HandlensError, WeightsError
from handlens.io import plain_json
from handlens.studio.features import backbone_extractor
from handlens.studio.predictor import Predictor
from handlens.tabular.data import TabularList, load_data
from handlens.tabular.learner import tabular_learner
from handlens.tabular.procs import Categorify, FillMissing, Normalize
from handlens.vision.backbones import load_network, new_network, outline_of
from handlens.vision.items import ImageItemList
from handlens.vision.learner import create_cnn

NETWORK = "test_efficientnet"  # the smallest of timm's
ELSEWHERE = [
    "hf-hub:timm/resnet18.a1_in1k",
    "hf_hub:timm/resnet18.a1_in1k",
    "local-dir:/etc",
    "local-dir:../other",
    "file:///etc/passwd",
    "https://example.com/model",
    "timm:resnet18",
    "/etc/passwd",
    "../other/model",
    "timm/resnet18.a1_in1k",
    "resnet18.hf-hub:timm/resnet18",
    "resnet18.no_such_tag",
    "fasterrcnn_resnet50_fpn",  # torchvision downloads the weights of a part of it
    "deeplabv3_resnet50",
    "",
    "\0",
]


@pytest.fixture(scope="module")
def table_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    df = pd.DataFrame({"shop": ["a", "b"] * 8, "size": [1.0, np.nan, 3.0, 4.0] * 4, "pay": ["low", "high"] * 8})
    items = TabularList.from_df(
        df, path=tmp_path_factory.mktemp("table"), cat_names=["shop"], cont_names=["size"],
        procs=[FillMissing, Categorify, Normalize],
    )  # fmt: skip
    data = items.split_by_idx(range(4)).label_from_df("pay").databunch(bs=4)
    data.export("data")
    return tabular_learner(data, layers=[4], seed=0).export("model")


@pytest.fixture(scope="module")
def photo_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for name, grey in (("dark", 20), ("light", 220)):
        (folder / name).mkdir()
        for i in range(3):
            Image.new("RGB", (24, 24), (grey + i,) * 3).save(folder / name / f"{i}.png")
    data = ImageItemList.from_folder(folder).split_none().label_from_folder().transform(size=32).databunch(bs=3)
    return create_cnn(data.normalize(), NETWORK, pretrained=False, seed=0).export()


@pytest.fixture(scope="module")
def quick_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    extractor = backbone_extractor(NETWORK, random=True)
    layer = extractor.layers[0]
    weights = {layer.id: np.zeros((layer.dim, 2), np.float32)}
    folder = tmp_path_factory.mktemp("quick") / "model"
    Predictor(["dark", "light"], [extractor], weights, np.zeros(2, np.float32), 1.0).save(folder)
    return folder


@pytest.fixture(params=["table_model", "photo_model", "quick_model"])
def model(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(request.param)
    return folder


def copy_of(folder: Path, to: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A model folder whose description was changed by hand."""
    to.mkdir(exist_ok=True)
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    del description["crc32"]  # a stranger would compute it again
    change(description)
    (to / "model.json").write_text(json.dumps(description), encoding="utf-8")
    if not (to / "tensors.safetensors").exists():
        os.link(folder / "tensors.safetensors", to / "tensors.safetensors")
    return to


WATCHED: dict[int, list[tuple[str, object]]] = {}
"""By thread, what was asked of the system while `watching`."""


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    seen = WATCHED.get(threading.get_ident())
    if seen is not None and (event == "open" or event.startswith(("socket.", "subprocess.", "os.exec", "os.system"))):
        seen.append((event, arguments[0]))


sys.addaudithook(_note)  # it cannot be removed, so there is one for the whole module


@contextmanager
def watching(*allowed: Path) -> Iterator[None]:
    """Fail if the block opens a file outside of `allowed` and of the installed packages, a socket, or a process."""
    seen = WATCHED[threading.get_ident()] = []
    try:
        yield
    finally:
        del WATCHED[threading.get_ident()]
    roots = [os.path.realpath(part) for part in (*allowed, *sys.path, sys.prefix, sys.base_prefix, "/proc", "/sys")]
    for event, what in seen:
        assert event == "open", (event, what)
        if isinstance(what, (str, bytes)):
            file = os.path.realpath(os.fsdecode(what))
            assert any(file == root or file.startswith(root + os.sep) for root in roots if root), what


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def _name_of(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a config that names a network."""
    return config["model"] if "model" in config else config["sources"][0]["config"]


@pytest.mark.parametrize("library", ["timm", "torchvision", "torch.hub", None])
@pytest.mark.parametrize("kind", ["photo_model", "quick_model"])
def test_s4_a_model_that_names_a_network_elsewhere(
    kind: str, library: str | None, request: pytest.FixtureRequest, tmp_path: Path, no_sockets: None
) -> None:
    folder: Path = request.getfixturevalue(kind)
    with watching(folder):
        load_learner(folder)  # that what is watched allows what is right, and all modules are imported
    for i, name in enumerate(ELSEWHERE):

        def change(description: dict[str, Any], name: str = name) -> None:
            _name_of(description["config"]).update(name=name, library=library)

        odd = copy_of(folder, tmp_path / str(i), change)
        with watching(odd), pytest.raises(ArtifactError):
            load_learner(odd)


@pytest.mark.parametrize("name", [*ELSEWHERE, 5, None, ["resnet18"], {"resnet18": 1}])
def test_s4_networks_elsewhere_have_no_name_here(name: Any, no_sockets: None) -> None:
    for library in ("timm", "torchvision"):
        with pytest.raises((BackboneError, RuntimeError)):
            new_network(name, library)
    with pytest.raises((HandlensError, RuntimeError)):
        load_network(name, weights=None, random=True)


def test_s4_a_library_s_network_that_only_the_other_one_has() -> None:
    with pytest.raises(BackboneError, match="torchvision must have a network of that name; got 'test_efficientnet'"):
        new_network(NETWORK, "torchvision")


def test_s4_options_of_timm_in_a_description_are_not_passed_on(
    photo_model: Path, tmp_path: Path, no_sockets: None
) -> None:
    def change(description: dict[str, Any]) -> None:
        description["config"]["model"] |= {
            "pretrained": True,
            "pretrained_cfg": {"url": "http://127.0.0.1:9/x", "file": "/etc/passwd"},
            "weights": "/etc/passwd",
            "module": "os",
        }

    odd = copy_of(photo_model, tmp_path / "odd", change)
    with watching(odd):
        load_learner(odd)


@pytest.mark.parametrize("names", [("vit_giant_patch14_dinov2", "timm"), ("regnet_y_128gf", "torchvision")])
@pytest.mark.parametrize("kind", ["photo_model", "quick_model"])
def test_s5_a_giant_network_is_refused_before_it_is_made(
    kind: str, names: tuple[str, str], request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(description: dict[str, Any]) -> None:
        _name_of(description["config"]).update(name=names[0], library=names[1])

    for module, maker in (("vision.learner", "load_network"), ("studio.features.backbones", "new_network")):
        monkeypatch.setattr(f"handlens.{module}.{maker}", None)  # not to be called
    with pytest.raises(ArtifactError, match=r"parameters, and .* were saved|does not fit"):
        load_learner(copy_of(request.getfixturevalue(kind), tmp_path / "odd", change))


@pytest.mark.parametrize(
    ("name", "library"),
    [
        (NETWORK, "timm"),
        ("swinv2_cr_tiny_ns_224", "timm"),
        ("resnet18", "torchvision"),
        ("regnet_x_400mf", "torchvision"),
    ],
)
def test_s5_the_outline_of_a_network_has_its_shapes_and_no_memory(name: str, library: str) -> None:
    outline = outline_of(name, library)
    assert {key: value.shape for key, value in outline.items()} == {
        key: value.shape for key, value in new_network(name, library).state_dict().items()
    }
    assert {value.device.type for value in outline.values()} == {"meta"}
    assert {p.device.type for p in new_network(name, library).parameters()} == {"cpu"}  # it ends with the outline


@pytest.mark.parametrize(
    ("kind", "part", "value"),
    [
        ("photo_model", "hidden", 10**9),
        ("photo_model", "hidden", -1),
        ("photo_model", "hidden", 2.5),
        ("photo_model", "hidden", True),
        ("photo_model", "bn_final", True),
        ("photo_model", "ps", [0.1] * 9),
        ("table_model", "layers", [10**9, 10**9]),
        ("table_model", "layers", [-1]),
        ("table_model", "layers", [2.5]),
        ("table_model", "emb_szs", [[3, 10**12]]),
        ("table_model", "emb_szs", [[10**12, 2]]),
        ("table_model", "emb_szs", [[-3, 2]]),
        ("table_model", "emb_szs", {}),
        ("table_model", "n_cont", 10**12),
        ("table_model", "out_sz", 10**12),
        ("table_model", "out_sz", 1e9),
        ("quick_model", "size", 10**6),
        ("quick_model", "size", 0),
        ("quick_model", "size", 96.0),
        ("quick_model", "mean", [0.5]),
        ("quick_model", "std", [0, 0, 0]),
        ("quick_model", "std", [1e-300] * 3),
    ],
)  # fmt: skip
def test_s5_sizes_that_are_not_those_of_the_tensors(
    kind: str, part: str, value: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    def change(description: dict[str, Any]) -> None:
        _name_of(description["config"])[part] = value

    with pytest.raises(ArtifactError):
        load_learner(copy_of(request.getfixturevalue(kind), tmp_path / "odd", change))


ODD: list[Any] = [None, [], {}, "", "x", 0, -1, 1.5, 10**30, True, [[]], [None], {"a": {}}, [1, 2, 3]]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _places(part, (*path, key))


def test_s5_any_value_in_the_place_of_another(model: Path, tmp_path: Path) -> None:
    config = json.loads((model / "model.json").read_text(encoding="utf-8"))["config"]
    refused = 0
    odd = ODD if "table" in str(model) else ODD[::4]  # making a network takes its time
    for path in _places(config):
        for value in odd:

            def change(description: dict[str, Any], path: tuple[Any, ...] = path, value: Any = value) -> None:
                *outer, last = ("config", *path)
                place = description
                for key in outer:
                    place = place[key]
                place[last] = value

            try:
                load_learner(copy_of(model, tmp_path / "odd", change))
            except ArtifactError:
                refused += 1
    assert refused > 20


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "must be a JSON object; it is a list"),
        ('"a"', "must be a JSON object; it is a str"),
        ("", "Expecting value"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ('{"format": "handlens-model", "format": "x"}', "the key 'format' is there twice"),
        ('{"a": {"b": 1, "b": 1}}', "the key 'b' is there twice"),
        ('{"a": NaN}', "must be finite; NaN"),
        ('{"a": [-Infinity]}', "must be finite; -Infinity"),
        ('{"a": 1e999}', "must be finite; 1e999"),
        ('{"a": ' + "9" * 5000 + "}", "4300 digits"),
        ('{"a": [' + "[]," * 2_000_000 + "0]}", "at most 2,000,000 values"),
        ('{"a": "' + " " * 2**26 + '"}', "at most 64 MB"),
        ('{"a": "\ud800"}', "utf-8"),
    ],
    ids=range(14),
)
def test_s5_descriptions_that_are_no_plain_json(text: str, reason: str, table_model: Path, tmp_path: Path) -> None:
    odd = copy_of(table_model, tmp_path / "odd", lambda description: None)
    (odd / "model.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ArtifactError, match=reason):
        load_learner(odd)


def test_s5_what_would_not_be_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_json, "MOST_VALUES", 20)
    with pytest.raises(ArtifactError, match="at most 20 values; it seems to hold"):
        save_artifact(tmp_path / "m", "toy", {"levels": list(range(30))}, {})
    assert list(tmp_path.iterdir()) == []


def _with_header(file: Path, header: dict[str, Any], data: int, *, length: int | None = None) -> None:
    """A safetensors file of a header and of so many bytes, which are a hole."""
    written = json.dumps(header).encode()
    start = (len(written) if length is None else length).to_bytes(8, "little")
    file.unlink(missing_ok=True)
    file.write_bytes(start + written)
    os.truncate(file, 8 + len(written) + data)


def _tensor(shape: list[Any], start: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize(
    ("header", "data", "reason"),
    [
        ({}, 20 * 10**9, "its header describes 10 bytes, and the file has 20,000,000,010"),
        ({"w": _tensor([5 * 10**9], 0, 20 * 10**9)}, 20 * 10**9, "the disk holds hardly any"),
        ({"w": _tensor([5 * 10**9], 0, 20 * 10**9)}, 8, "the file has"),
        ({"w": _tensor([2], 0, 8), "v": _tensor([2], 4, 12)}, 12, None),
        ({"w": _tensor([2], 0, 8), "v": _tensor([2], 0, 8)}, 8, None),
        ({"w": _tensor([2], 8, 16)}, 16, None),
        ({"w": _tensor([3], 0, 8)}, 8, "another size than its shape"),
        ({"w": _tensor([-2], 0, 8)}, 8, "damaged at the tensor 'w'"),
        ({"w": _tensor([2.0], 0, 8)}, 8, "damaged at the tensor 'w'"),
        ({"w": _tensor([True, 2], 0, 8)}, 8, "damaged at the tensor 'w'"),
        ({"w": _tensor([2**62, 2**62, 2**62], 0, 8)}, 8, "another size than its shape"),
        ({"w": _tensor([2**70], 0, 8)}, 8, "damaged at the tensor 'w'"),
        ({"w": _tensor([2], 8, 0)}, 8, "another size than its shape"),
        ({"w": _tensor([2], -8, 0)}, 8, "damaged at the tensor 'w'"),
        ({"w": []}, 8, "damaged at the tensor 'w'"),
        ({"w": {"dtype": "F32", "shape": "2", "data_offsets": [0, 8]}}, 8, "damaged at the tensor 'w'"),
        ({"w": {"dtype": 32, "shape": [2], "data_offsets": [0, 8]}}, 8, "damaged at the tensor 'w'"),
        ({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0]}}, 8, "damaged at the tensor 'w'"),
    ],
    ids=range(18),
)
def test_s5_headers_of_tensors_that_lie(header: dict[str, Any], data: int, reason: str | None, tmp_path: Path) -> None:
    save_artifact(tmp_path / "m", "toy", {}, {"w": torch.zeros(2)})
    file = tmp_path / "m" / "tensors.safetensors"
    _with_header(file, header, data)
    with pytest.raises(ArtifactError, match=reason):
        load_artifact(tmp_path / "m", "toy")
    weights = tmp_path / "weights.safetensors"
    file.rename(weights)
    with pytest.raises(WeightsError):
        load_network(NETWORK, weights=weights, random=False)


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 10**9, 101])
def test_s5_a_header_that_says_it_is_longer_than_the_file(length: int, tmp_path: Path) -> None:
    save_artifact(tmp_path / "m", "toy", {}, {})
    _with_header(tmp_path / "m" / "tensors.safetensors", {}, 98, length=length)
    with pytest.raises(ArtifactError, match="header is damaged"):
        load_artifact(tmp_path / "m", "toy")


def test_s5_a_description_that_disagrees_with_the_tensors_is_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_artifact(tmp_path / "m", "toy", {}, {"w": torch.zeros(2)})
    save_file({"w": torch.zeros(3)}, tmp_path / "m" / "tensors.safetensors")
    monkeypatch.setattr("handlens.core.artifact.read_tensors", None)
    with pytest.raises(ArtifactError, match=r"model\.json and tensors\.safetensors disagree about w"):
        load_artifact(tmp_path / "m", "toy")


def test_s5_tensors_larger_than_the_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_artifact(tmp_path / "m", "toy", {}, {"w": torch.zeros(1000)})
    monkeypatch.setattr("handlens.io.tensor_files._memory", lambda: 4000)
    with pytest.raises(ArtifactError, match=r"of memory, and this machine has"):
        load_artifact(tmp_path / "m", "toy")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_s16_weights_that_are_not_finite_are_refused(model: Path, number: float, tmp_path: Path) -> None:
    description = json.loads((model / "model.json").read_text(encoding="utf-8"))
    tensors = load_file(model / "tensors.safetensors")
    names = [name for name, tensor in tensors.items() if tensor.is_floating_point()]
    # The first and the last weights, and the statistics of a batch norm, which are buffers.
    for name in {names[0], names[-1], *[name for name in names if "running" in name][:2]}:
        changed = {key: value.clone() for key, value in tensors.items()}
        changed[name].view(-1)[-1] = number
        save_artifact(tmp_path / "odd", description["kind"], description["config"], changed)
        with pytest.raises(ArtifactError, match=r"cannot be used: 1 of .* numbers of .* are not finite"):
            load_learner(tmp_path / "odd")


def test_s16_by_hand(tmp_path: Path) -> None:
    numbers = torch.tensor([[1.0, float("nan")], [float("inf"), 0.0]])
    save_artifact(tmp_path / "m", "toy", {}, {"w": numbers, "clip_min": torch.tensor(-float("inf"))})
    with pytest.raises(ArtifactError, match="2 of 4 numbers of w are not finite"):
        load_artifact(tmp_path / "m", "toy")
    _, tensors = load_artifact(tmp_path / "m", "toy", finite=False)
    assert torch.equal(tensors["w"].nan_to_num(nan=-1.0), numbers.nan_to_num(nan=-1.0))
    save_artifact(tmp_path / "n", "toy", {}, {"clip_min": torch.tensor(-float("inf"))})
    load_artifact(tmp_path / "n", "toy")  # the end of a range
    save_artifact(tmp_path / "n", "toy", {}, {"clip_min": torch.tensor(float("nan"))})
    with pytest.raises(ArtifactError, match="1 of 1 numbers of clip_min"):
        load_artifact(tmp_path / "n", "toy")


def test_s16_weights_alone(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 1)
    with torch.no_grad():
        model.weight[0, 1] = torch.nan
    save_weights(model, tmp_path / "weights")
    with pytest.raises(ArtifactError, match="1 of 2 numbers of weight are not finite"):
        load_weights(torch.nn.Linear(2, 1), tmp_path / "weights")


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_s16_files_of_weights(ending: str, tmp_path: Path) -> None:
    state = new_network(NETWORK, "timm").state_dict()
    state["bn1.running_var"][3] = torch.inf
    file = tmp_path / f"weights.{ending}"
    save_file(state, file) if ending == "safetensors" else torch.save(state, file)
    with pytest.raises(WeightsError, match=r"1 of 24 numbers of bn1\.running_var are not finite"):
        load_network(NETWORK, weights=file, random=False)


def test_s5_a_weights_file_that_unpacks_to_more_than_it_is(tmp_path: Path) -> None:
    whole, packed = tmp_path / "whole.pth", tmp_path / "packed.pth"
    torch.save({"w": torch.zeros(10**5)}, whole)
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as smaller:
        for entry in archive.infolist():
            smaller.writestr(entry.filename, archive.read(entry))
    with pytest.raises(WeightsError, match=r"it would unpack to 4\d\d,\d\d\d bytes"):
        load_network(NETWORK, weights=packed, random=False)


@pytest.mark.parametrize("temperature", [0, 0.0, -1, 1e-300, 1e300, None, "1", True, [1]])
def test_s16_temperatures_that_make_nan_of_scores(quick_model: Path, temperature: Any, tmp_path: Path) -> None:
    def change(description: dict[str, Any]) -> None:
        description["config"]["temperature"] = temperature

    with pytest.raises(ArtifactError, match="temperature must be"):
        load_learner(copy_of(quick_model, tmp_path / "odd", change))


@pytest.mark.parametrize("number", [0, 0.0, -1.0, 1e-300, 1e300, None, "1", True])
@pytest.mark.parametrize("part", ["means", "stds"])
def test_s16_the_encoder_s_numbers(table_model: Path, part: str, number: Any, tmp_path: Path) -> None:
    row = pd.DataFrame({"shop": ["a"], "size": [2.0]})

    def change(description: dict[str, Any]) -> None:
        encoder = description["config"]["data"]["encoder"]
        state = next(proc["state"] for proc in encoder["procs"] if part in proc["state"])
        state[part]["size"] = number

    try:
        found = load_learner(copy_of(table_model, tmp_path / "odd", change)).predict_frame(row)
    except ArtifactError:
        return
    assert number in (0, -1.0, 1e-300)
    assert np.isfinite(found["probability of low"][0])


def test_s5_data_alone(table_model: Path, tmp_path: Path) -> None:
    for i, value in enumerate(ODD):
        odd = copy_of(
            table_model.parent / "data", tmp_path / str(i), lambda d, value=value: d["config"].update(encoder=value)
        )
        with pytest.raises(ArtifactError):
            load_data(odd)
