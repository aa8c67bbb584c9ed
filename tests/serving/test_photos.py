"""A saved model for photos behind HTTP: each kind of answer, each kind of body, and what is refused."""

from __future__ import annotations

import base64
import io
import re
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

from handlens.core.labels import CategoryList, FloatList, MultiCategoryList
from handlens.core.predictions import photo_predictions_frame
from handlens.core.saved import load_learner
from handlens.errors import ArtifactError, BackboneError
from handlens.serving import bodies
from handlens.serving.app import create_app
from handlens.serving.bodies import MOST_PHOTOS
from handlens.vision import (
    ImageItemList,
    PointsItemList,
    SegmentationItemList,
    VisionLearner,
    create_cnn,
    get_transforms,
    heatmap,
    imagenet_stats,
    unet_learner,
)
from handlens.vision.learner import NOT_NUMBERS
from handlens.vision.masks import MaskList
from tests.core.test_saved import quick_model

ADDRESS = "http://127.0.0.1:8600"
LABELS: dict[str, Any] = {
    "one class": (["dark", "light"] * 4, {"label_cls": CategoryList}),
    "any number of classes": (["dark", "dark light"] * 4, {"label_cls": MultiCategoryList, "label_delim": " "}),
    "numbers": ([0.5, 2.0] * 4, {"label_cls": FloatList}),
}


def client_of(folder: Path, **options: Any) -> TestClient:
    return TestClient(create_app(folder, hosts=["127.0.0.1:8600"], **options), base_url=ADDRESS)


def file_of(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def picture(seed: int = 0, size: tuple[int, int] = (48, 40)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3))
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model of each kind of labels, saved."""
    root = tmp_path_factory.mktemp("models")
    for i in range(8):
        picture(i).save(root / f"{i}.png")
    found = {}
    for number, (kind, (labels, options)) in enumerate(LABELS.items()):
        table = pd.DataFrame({"name": [f"{i}.png" for i in range(8)], "label": labels})
        items = ImageItemList.from_df(table, root, cols="name").split_by_idx([0, 1])
        data = items.label_from_df("label", **options).transform(size=32).databunch(bs=3, num_workers=0)
        learn = create_cnn(data.normalize(imagenet_stats), "mobilenetv2_035", pretrained=False, seed=0)
        found[kind] = learn.export(f"model-{number}")
    return found


@pytest.fixture(scope="module")
def clients(folders: dict[str, Path]) -> dict[str, TestClient]:
    return {kind: client_of(folder) for kind, folder in folders.items()}


@pytest.fixture(scope="module")
def client(clients: dict[str, TestClient]) -> TestClient:
    return clients["one class"]


@pytest.fixture(scope="module")
def learn(folders: dict[str, Path]) -> VisionLearner:
    return load_learner(folders["one class"])


def said_of(model: Any, file: Path, data: bytes) -> dict[str, Any]:
    """What `predict_files` says of a photo."""
    file.write_bytes(data)
    row = model.predict_files([file]).astype(object).iloc[0]
    assert row["reason"] == ""
    return row.drop(["path", "reason"]).to_dict()


def test_the_answer_of_a_mask_is_a_picture_of_its_classes() -> None:
    y = MaskList([], classes=["road", "car", "sky"])
    mask = [[0, 1, 1, 255], [2, 1, 0, 255]]
    found = y.answer(torch.tensor([mask], dtype=torch.uint8))
    picture = Image.open(io.BytesIO(base64.b64decode(found.pop("mask"))))
    assert (picture.mode, np.asarray(picture).tolist()) == ("L", mask)
    assert found.pop("classes") == ["road", "car", "sky"]
    assert found == pytest.approx({"share of road": 1 / 3, "share of car": 1 / 2, "share of sky": 1 / 6})


def test_masks_are_served(tmp_path: Path) -> None:
    for i in range(4):
        picture(i, (32, 32)).save(tmp_path / f"{i}.bmp")
        Image.new("L", (32, 32), i % 2).save(tmp_path / f"{i}.png")
    items = SegmentationItemList.from_folder(tmp_path, extensions=[".bmp"]).split_by_idx([0])
    labelled = items.label_from_func(lambda file: file.with_suffix(".png"), classes=["road", "car"])
    data = labelled.transform(size=32).databunch(bs=2, num_workers=0)
    folder = unet_learner(data, "mobilenetv2_035", pretrained=False, seed=0).export("unet")
    client, file = client_of(folder), tmp_path / "0.bmp"
    about = client.get("/api/model").json()
    assert (about["predicts"], about["classes"], about["heatmap"]) == ("a mask", ["road", "car"], False)
    found = client.post("/api/predict", content=file.read_bytes()).json()["prediction"]
    mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["mask"]))))
    assert (mask == load_learner(folder).predict(file).label.pixels).all()
    assert found["share of car"] == pytest.approx(mask.mean())
    assert found["classes"] == ["road", "car"]
    wide = client.post("/api/predict", content=file_of(picture(size=(96, 48)))).json()["prediction"]
    mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(wide["mask"]))))
    assert mask.shape == (48, 96)
    assert (mask[:, :24] == 255).all()  # the model sees the square in the middle
    assert (mask[:, 72:] == 255).all()
    assert (mask[:, 24:72] < 2).all()
    form = [("file", ("a.bmp", file.read_bytes()))] * 2
    assert [one["prediction"] for one in client.post("/api/predict", files=form).json()["predictions"]] == [found] * 2
    assert client.post("/api/predict?heatmap=true", content=file.read_bytes()).status_code == 400


def test_points_are_served_in_pixels_of_the_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 40 × 120 pixels the model sees columns 40 to 80."""
    for i in range(4):
        picture(i, (40, 40)).save(tmp_path / f"{i}.png")
    items = PointsItemList.from_folder(tmp_path).split_by_idx([0]).label_from_func(lambda _: [[10, 20], [30, 20]])
    data = items.transform(get_transforms(), size=20).databunch(bs=3, num_workers=0)
    folder = create_cnn(data, "mobilenetv2_035", pretrained=False, seed=0).export("points")
    always = torch.tensor([[[-1.0, -1.0], [0.0, 0.5]]])
    monkeypatch.setattr(VisionLearner, "outputs", lambda _, inputs: always.expand(len(inputs), -1, -1))
    client = client_of(folder)
    about = client.get("/api/model").json()
    assert (about["predicts"], about["classes"], about["heatmap"]) == ("points", None, False)
    names = [f"predicted {axis} of point {i}" for i in (1, 2) for axis in "yx"]
    expected = dict(zip(names, [0, 40, 20, 70], strict=True))
    photo = file_of(picture(size=(120, 40)))
    assert client.post("/api/predict", content=photo).json() == {"prediction": expected, "heatmap": None}
    turned = Image.Exif()
    turned[0x0112] = 6
    high = file_of(picture(size=(120, 40)), "JPEG", exif=turned)  # 120 high and 40 wide for a person
    files = [("file", ("a.png", photo)), ("file", ("b.jpg", high))]
    found = [one["prediction"] for one in client.post("/api/predict", files=files).json()["predictions"]]
    assert found == [expected, dict(zip(names, [40, 0, 60, 30], strict=True))]


@pytest.mark.parametrize(
    ("y", "values", "expected"),
    [
        (
            CategoryList([], classes=["cat", 3]),
            [0.25, 0.75],
            {"predicted": 3, "probability": 0.75, "probability of cat": 0.25, "probability of 3": 0.75},
        ),
        (
            MultiCategoryList(["a", "b"], label_delim=" "),
            [0.5, 0.25],
            {"predicted a": True, "predicted b": False, "probability of a": 0.5, "probability of b": 0.25},
        ),
        (FloatList([1.0]), 0.5, {"predicted": 0.5}),
        (FloatList([1.0, 1.0], log=True), 0.0, {"predicted": 1.0}),
        (FloatList(pd.DataFrame({"x": [1.0], "y": [2.0]})), [0.5, 4.0], {"predicted x": 0.5, "predicted y": 4.0}),
    ],
)
def test_the_answer_of_each_kind_of_labels_is_a_row_of_the_table(y: Any, values: Any, expected: dict[str, Any]) -> None:
    if y.c == 1:
        y = y.new([1.0])
    predictions = torch.tensor([values])
    found = y.answer(predictions)
    assert found == expected
    assert list(found) == list(expected)
    assert {type(value) for value in found.values()} <= {str, int, float, bool}
    row = photo_predictions_frame(["a"], y, predictions).astype(object).iloc[0]
    assert row.drop(["path", "reason"]).to_dict() == expected


@pytest.mark.parametrize("kind", LABELS)
def test_answers_are_those_of_the_model(
    kind: str, folders: dict[str, Path], clients: dict[str, TestClient], tmp_path: Path
) -> None:
    model, client = load_learner(folders[kind]), clients[kind]
    photos = [file_of(picture(seed)) for seed in (20, 21, 22)]
    wanted = [said_of(model, tmp_path / "p.png", photo) for photo in photos]
    about = client.get("/api/model").json()
    assert (about["predicts"], about["targets"]) == (kind, ["label"])
    assert about["classes"] == (None if kind == "numbers" else ["dark", "light"])
    assert about["heatmap"] == (kind != "numbers")
    for photo, one in zip(photos, wanted, strict=True):
        answer = client.post("/api/predict", content=photo)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"prediction": pytest.approx(one, abs=1e-5), "heatmap": None}
    together = client.post("/api/predict", files=[("file", (f"{i}.png", photo)) for i, photo in enumerate(photos)])
    found = together.json()["predictions"]
    assert [(one["name"], one["reason"], one["heatmap"]) for one in found] == [(f"{i}.png", "", None) for i in range(3)]
    for one, other in zip(found, wanted, strict=True):
        assert one["prediction"] == pytest.approx(other, abs=1e-5)


def test_files_of_every_kind_and_orientation(client: TestClient, learn: VisionLearner, tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    deep = np.random.default_rng(0).integers(0, 65536, (40, 48)).astype(np.uint16)
    files = {
        "jpeg": file_of(picture(), "JPEG"),
        "turned": file_of(picture(), "JPEG", exif=turned),
        "16 bits": file_of(Image.fromarray(deep)),
        "webp": file_of(picture(), "WEBP"),
        "grey": file_of(picture().convert("L")),
        "transparent": file_of(picture().convert("RGBA")),
    }
    answers = {}
    for name, data in files.items():
        answer = client.post("/api/predict", content=data, headers={"content-type": "image/jpeg"})
        assert answer.status_code == 200, (name, answer.text)
        assert answer.json()["prediction"] == pytest.approx(said_of(learn, tmp_path / "photo", data), abs=1e-5), name
        answers[name] = answer.json()["prediction"]["probability of dark"]
    assert answers["turned"] != answers["jpeg"]


def test_heic(client: TestClient, learn: VisionLearner, tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    heif.from_pillow(picture(size=(64, 64))).save(out)
    answer = client.post("/api/predict", content=out.getvalue(), headers={"content-type": "image/heic"})
    assert answer.json()["prediction"] == pytest.approx(said_of(learn, tmp_path / "photo", out.getvalue()), abs=1e-5)


@pytest.mark.parametrize("kind", ["one class", "any number of classes"])
def test_the_heat_map_is_that_of_the_library(
    kind: str, folders: dict[str, Path], clients: dict[str, TestClient], tmp_path: Path
) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(file_of(picture(5, (96, 80))))
    answer = clients[kind].post("/api/predict?heatmap=true", content=file.read_bytes())
    assert answer.status_code == 200, answer.text
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer.json()["heatmap"]))))
    wanted = heatmap(load_learner(folders[kind]), file).drawn().permute(1, 2, 0).numpy() * 255
    assert found.shape == (32, 32, 3)
    assert np.abs(found - wanted).max() <= 0.5001
    form = {"file": ("a.png", file.read_bytes())}
    [one] = clients[kind].post("/api/predict?heatmap=true", files=form).json()["predictions"]
    assert one["heatmap"] == answer.json()["heatmap"]


def test_heat_maps_of_what_has_none(
    clients: dict[str, TestClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = file_of(picture())
    refused = clients["numbers"].post("/api/predict?heatmap=true", content=photo)
    assert refused.status_code == 400
    assert "explains the score of a class, and this model predicts something else" in refused.json()["error"]
    quick = client_of(quick_model(tmp_path / "quick", monkeypatch))
    assert quick.get("/api/model").json()["heatmap"] is False
    assert quick.post("/api/predict", content=photo).status_code == 200
    refused = quick.post("/api/predict?heatmap=true", content=photo)
    assert (refused.status_code, "linear on features" in refused.json()["error"]) == (400, True)


def test_a_form_answers_what_can_be_answered(client: TestClient) -> None:
    good = file_of(picture())
    files = [("file", ('é "x".png', good)), ("file", ("notes.txt", b"no photo")), ("file", ("empty.png", b""))]
    answer = client.post("/api/predict", files=files)
    assert answer.status_code == 200
    found = answer.json()["predictions"]
    assert [one["reason"] for one in found] == ["", "not a picture", "empty (0 bytes)"]
    assert [one["prediction"] is None for one in found] == [False, True, True]
    assert found[0]["name"] == "é %22x%22.png"
    refused = client.post("/api/predict", files=files[1:])
    assert (refused.status_code, refused.json()["error"]) == (
        400,
        "The body must be a photo that can be predicted, its file as it is; it cannot: not a picture.",
    )


def huge_png(side: int) -> bytes:
    """A PNG whose header says that it has side × side pixels, without them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty (0 bytes)"),
        (b"\0" * 100, "not a picture"),
        (b"%PDF-1.7 ...", "a PDF document."),
        (b"\0\0\0\x18ftypisom" + bytes(90), "a video."),
        (b"PK\x03\x04" + bytes(90), "an archive."),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (file_of(picture(), "JPEG")[:900], "truncated: the end of the file is missing"),
        (file_of(picture())[:60], "truncated: the end of the file is missing"),
        (huge_png(60_000), "too large, more than 200 megapixels"),
        (huge_png(2**31 - 1), "too large, more than 200 megapixels"),
    ],
    ids=["empty", "zeros", "pdf", "video", "zip", "svg", "cut jpeg", "cut png", "huge", "hugest"],
)
def test_what_cannot_be_read(client: TestClient, body: bytes, reason: str) -> None:
    answer = client.post("/api/predict", content=body, headers={"content-type": "application/octet-stream"})
    assert answer.status_code == 400
    assert f"its file as it is; it cannot: {reason}" in answer.json()["error"]


@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=utf-8", "image/", "nonsense", "image/x y"])
def test_bodies_of_another_type(client: TestClient, kind: str) -> None:
    answer = client.post("/api/predict", content=file_of(picture()), headers={"content-type": kind})
    assert answer.status_code == 415
    assert answer.json()["error"].endswith(f"called file; {kind} arrived.")


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("multipart/form-data", b"", "must name the boundary"),
        ("multipart/form-data; boundary=" + 71 * "x", b"", "must name the boundary"),
        ("multipart/form-data; boundary=b", b"", "must end with its boundary"),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nx", "must end with its boundary"),
        ("multipart/form-data; boundary=b", b"--b--\r\n", "it is empty"),
        ("multipart/form-data; boundary=b", b"--b\r\nno headers\r\n--b--", "headers and an empty line"),
        ("multipart/form-data; boundary=b", b"--bb\r\nA: b\r\n\r\nx\r\n--b--", "headers and an empty line"),
        ("multipart/form-data; boundary=b", b"--b\r\nA: b\r\n\r\nx\r\n--b--", "called file; None arrived"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\nx\r\n--b--',
            "called file; photo arrived",
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--',
            "a text arrived",
        ),
    ],
)
def test_forms_that_are_malformed(client: TestClient, kind: str, body: bytes, message: str) -> None:
    answer = client.post("/api/predict", content=body, headers={"content-type": kind})
    assert (answer.status_code, message in answer.json()["error"]) == (400, True), answer.text


def test_a_form_keeps_each_byte(client: TestClient) -> None:
    photo = file_of(picture())
    part = b'--b"\t\r\nContent-Disposition: form-data; name=file; filename=a.png\r\n\r\n'.replace(b'"', b"")
    bodies = [b"before\r\n" + part + photo + b"\r\n--b--\r\nafter", part + photo + b"\r\n--b--"]
    plain = client.post("/api/predict", content=photo).json()["prediction"]
    for body in bodies:
        answer = client.post(
            "/api/predict", content=body, headers={"content-type": 'multipart/form-data; boundary="b"'}
        )
        assert answer.json()["predictions"][0]["prediction"] == plain


def test_too_much(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [("file", ("a", b"x"))] * (MOST_PHOTOS + 1)
    answer = client.post("/api/predict", files=many)
    assert (answer.status_code, answer.json()["error"][:38]) == (413, "A request must have at most 64 photos;")
    monkeypatch.setattr(bodies, "LARGEST", 2**20)
    for body in (b"x" * (2**20 + 1), iter([b"x" * 2**20, b"y"])):
        answer = client.post("/api/predict", content=body)
        assert (answer.status_code, answer.json()["error"]) == (413, "The body must have at most 1 MB.")
    monkeypatch.setattr(bodies, "MEMORY", 100)
    answer = client.post("/api/predict", content=file_of(picture()))
    assert (answer.status_code, "Send this again" in answer.json()["error"]) == (503, True)
    monkeypatch.undo()
    assert client.post("/api/predict", content=file_of(picture())).status_code == 200  # nothing stays taken


def test_requests_at_the_same_time(client: TestClient) -> None:
    photos = [file_of(picture(seed)) for seed in range(6)]

    def ask(photo: bytes) -> Any:
        return client.post("/api/predict", content=photo).json()["prediction"]

    alone = [ask(photo) for photo in photos]
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(ask, photos * 3)) == alone * 3


def test_health_and_the_page(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.head("/health").status_code == 200
    page = client.get("/", follow_redirects=True).text
    for said in ("/api/predict", "multipart/form-data", "image/*", "heatmap", "/health"):
        assert said in page
    wrong = client.post("/api/predict?heatmap=perhaps", content=file_of(picture()))
    assert wrong.status_code == 422


def test_the_page_has_a_form_for_photos(client: TestClient) -> None:
    page = client.get("/api/docs").text
    [form] = re.findall(r"<form .*?</form>", page)
    assert form.startswith("<form data-path='/api/predict'>")
    assert "<input type=file name='file' multiple required>" in form
    assert "<input type=checkbox data-query='heatmap'>" in form
    script = client.get("/api/docs.js")
    assert (script.status_code, script.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    body = client.get("/api/openapi.json").json()["paths"]["/api/predict"]["post"]["requestBody"]["content"]
    files = body["multipart/form-data"]["schema"]["properties"]["file"]
    assert (files["type"], files["items"]) == ("array", {"type": "string", "format": "binary"})


def test_outputs_that_are_not_numbers(learn: VisionLearner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture().save(tmp_path / "a.png")
    monkeypatch.setattr(learn, "outputs", lambda inputs: torch.full((len(inputs), 2), torch.nan))
    assert learn.answers([tmp_path / "a.png"]) == [NOT_NUMBERS]
    assert learn.predict_files([tmp_path / "a.png"])["reason"].tolist() == [NOT_NUMBERS]


def test_a_photo_that_is_too_small(learn: VisionLearner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Any) -> Any:
        raise BackboneError("pictures must be larger.")

    picture().save(tmp_path / "a.png")
    monkeypatch.setattr(learn, "outputs", refuse)
    assert learn.answers([tmp_path / "a.png", tmp_path / "none"]) == [
        "pictures must be larger",
        "there is no such file",
    ]


def test_a_damaged_model(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = folders["one class"]
    (tmp_path / "model").mkdir()
    for file in folder.iterdir():
        data = file.read_bytes()
        (tmp_path / "model" / file.name).write_bytes(data[:-100] if file.suffix == ".safetensors" else data)
    with pytest.raises(ArtifactError, match="damaged"):
        create_app(tmp_path / "model", hosts=[])


def test_strangers_are_refused(folders: dict[str, Path]) -> None:
    locked = client_of(folders["one class"], token="secret")
    photo = file_of(picture())
    assert locked.post("/api/predict", content=photo).status_code == 401
    assert locked.post("/api/predict", content=photo, headers={"authorization": "Bearer secret"}).status_code == 200
    foreign = {"authorization": "Bearer secret", "origin": "http://evil.example"}
    assert locked.post("/api/predict", files={"file": photo}, headers=foreign).status_code == 403


@pytest.fixture
def no_files_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_left(client: TestClient, no_files_left: Path) -> None:
    for body in (file_of(picture()), b"no photo"):
        client.post("/api/predict?heatmap=true", content=body)
