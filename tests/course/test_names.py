"""Names of the course: what each is here, and the small functions behind some of them."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image as Pillow
from torch.nn import functional as F
from torch.utils.data import TensorDataset

import handlens.basics
import handlens.metrics
import handlens.tabular
import handlens.vision
from handlens import course
from handlens.core.artifact import EXPORT
from handlens.core.bunch import DataBunch
from handlens.core.items import Labelled
from handlens.core.labels import CategoryList, MultiCategoryList
from handlens.core.loaders import TensorLoader
from handlens.core.metrics import accuracy, accuracy_multi, fbeta
from handlens.core.mixup import Mixup
from handlens.errors import ArtifactError, DataError, TableError, TrainingError
from handlens.tabular import (
    Categorify,
    TabularDataBunch,
    TabularList,
    add_cyclic_datepart,
    cont_cat_split,
    load_learner,
    tabular_learner,
)
from handlens.vision import (
    Augment,
    Flatten,
    FlowField,
    Image,
    ImageDataBunch,
    ImageItemList,
    ImagePoints,
    ImageSegment,
    Learner,
    apply_tfms,
    conv_layer,
    create_cnn,
    download_images,
    nn,
    open_image,
    rand_pad,
    rand_resize_crop,
    res_block,
    simple_cnn,
    verify_images,
    zoom_crop,
)


def test_an_alias_is_the_thing_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert handlens.vision.cnn_learner is create_cnn
    assert handlens.vision.ImageList is ImageItemList
    assert handlens.vision.ClassificationInterpretation is handlens.vision.Interpretation
    assert handlens.metrics.accuracy_thresh is accuracy_multi
    assert handlens.basics.pd is pd
    handlens.vision.doc(handlens.vision.cnn_learner)
    assert capsys.readouterr().out.startswith("handlens.vision.learner.create_cnn(")


@pytest.mark.parametrize("module", ["tabular", "vision", "basics"])
def test_a_star_import_brings_what_the_course_s_cells_use(module: str) -> None:
    names = "Config, DatasetType, Path, gc, gzip, json, math, nn, np, optim, os, partial, pd, plt, torch, untar_data"
    code = f"from handlens.{module} import *; {names}; print(Path('x').ls.__name__)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("ls\n", "")


def test_an_unknown_name_is_said() -> None:
    for module in (handlens.vision, handlens.tabular, handlens.basics, course):
        with pytest.raises(AttributeError, match="has no attribute 'text_classifier_learner'"):
            _ = module.text_classifier_learner


def test_a_path_lists_its_folder_sorted_and_so_does_what_is_below_it(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / name).mkdir()
    path = course.Path(tmp_path)
    assert [file.name for file in path.ls()] == ["a", "b", "c"]
    assert (path / "a").ls() == []
    assert path == tmp_path
    assert isinstance(path.parent, course.Path)


def test_the_parts_of_the_data() -> None:
    assert [str(part) for part in course.DatasetType] == ["train", "valid", "test"]


# Metrics


def test_fbeta_of_hand_computed_items() -> None:
    p = torch.tensor([[0.9, 0.3, 0.1], [0.1, 0.1, 0.1], [0.5, 0.1, 0.5]])
    y = torch.tensor([[1.0, 0, 1], [1, 0, 0], [1, 0, 1]])
    # Precision and recall are (1/2, 1/2), (–, 0) and (1, 1).
    assert fbeta(p, y) == pytest.approx((5 * 0.25 / (4 * 0.5 + 0.5) + 0 + 1) / 3)
    assert fbeta(p, y, thresh=0.4, beta=1) == pytest.approx((2 * 1 * 0.5 / 1.5 + 0 + 1) / 3)
    assert np.isnan(fbeta(p, torch.full_like(y, torch.nan)))


def test_fbeta_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import fbeta_score

    generator = torch.Generator().manual_seed(0)
    p = torch.rand(40, 6, generator=generator)
    y = (torch.rand(40, 6, generator=generator) < 0.4).float()
    wanted = fbeta_score(y, p >= 0.2, beta=2, average="samples", zero_division=0)
    assert fbeta(p, y) == pytest.approx(wanted, abs=1e-9)


def test_accuracy_at_a_threshold() -> None:
    p, y = torch.tensor([[0.3, 0.1]]), torch.tensor([[1.0, 0.0]])
    assert (accuracy_multi(p, y, thresh=0.2), accuracy_multi(p, y)) == (1.0, 0.5)


# Data


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """train/ and valid/ with two pictures of each of two colours, and test/ with one."""
    for part, count in (("train", 2), ("valid", 2)):
        for colour in ("red", "blue"):
            for i in range(count):
                save(tmp_path / part / colour / f"{colour}_{i}.png", colour)
    save(tmp_path / "test" / "0.png", "red")
    return tmp_path


def save(file: Path, colour: str, size: tuple[int, int] = (12, 8)) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Pillow.new("RGB", size, colour).save(file)


def test_from_folder(pictures: Path) -> None:
    data = ImageDataBunch.from_folder(pictures, test="test", size=8, bs=2)
    assert data.classes == ["blue", "red"]
    assert (len(data.train_ds), len(data.valid_ds), len(data.test_ds)) == (4, 4, 1)
    assert data.train_ds[0][0].size == (8, 8)
    assert data.path == pictures


def test_from_folder_with_a_share_held_out_and_classes_left_out(pictures: Path) -> None:
    save(pictures / "train" / "green" / "0.png", "green")
    data = ImageDataBunch.from_folder(
        pictures, train=".", valid_pct=0.5, seed=1, test="test", classes=["red", "blue"], bs=2
    )
    assert data.classes == ["red", "blue"]
    assert (len(data.train_ds), len(data.valid_ds)) == (4, 4)


def test_from_lists_keeps_each_label_with_its_picture(pictures: Path) -> None:
    files = course.get_image_files(pictures, recurse=True)
    labels = [file.stem for file in files]
    data = ImageDataBunch.from_lists(pictures, files, labels, valid_pct=0.4, seed=0, bs=2)
    for part in (data.train_ds, data.valid_ds):
        assert [label.name for label in part.y] == [file.stem for file in part.x.items]
    with pytest.raises(DataError, match="9 pictures and 8 labels"):
        ImageDataBunch.from_lists(pictures, files, labels[1:])


def test_from_csv_and_from_df_with_several_labels(pictures: Path) -> None:
    names = [str(file.relative_to(pictures).with_suffix("")) for file in course.get_image_files(pictures, recurse=True)]
    table = pd.DataFrame({"tags": ["a b", "b", "a"] * 3, "name": names})
    table.to_csv(pictures / "tags.csv", index=False)
    made = (
        ImageDataBunch.from_df(pictures, table, fn_col="name", label_col=0, suffix=".png", label_delim=" ", seed=0),
        ImageDataBunch.from_csv(
            pictures, csv_labels="tags.csv", fn_col=1, label_col="tags", suffix=".png", label_delim=" ", seed=0
        ),
    )
    for data in made:
        assert data.classes == ["a", "b"]
        assert (len(data.train_ds), len(data.valid_ds)) == (8, 1)
        wanted = dict(zip(names, table["tags"], strict=True))
        for file, label in zip(data.train_ds.x.items, data.train_ds.y, strict=True):
            assert " ".join(label) == wanted[str(file.relative_to(pictures).with_suffix(""))]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: ImageDataBunch.from_name_re(path, [], "(a)"), "the list is empty"),
        (lambda path: ImageDataBunch.from_name_re(path, [path / "test/0.png"] * 2, "(0)"), "named once; 1 are named"),
        (lambda path: ImageDataBunch.from_folder(path / "none"), "there is no folder"),
        (lambda path: ImageDataBunch.from_folder(path, valid="held out"), "'held out'"),
        (lambda path: ImageDataBunch.from_csv(path), "there is no file"),
        (lambda path: ImageItemList.from_folder(path, convert_mode="CMYK"), "one of RGB, L; 'CMYK' arrived"),
        (lambda path: ImageItemList.from_folder(path).split_none().label_from_df(), "come from no table"),
    ],
)
def test_what_cannot_be_made_is_said(pictures: Path, call: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        call(pictures)  # type: ignore[operator]


def test_a_label_s_column_by_position(pictures: Path) -> None:
    table = pd.DataFrame({"name": ["train/red/red_0.png", "train/blue/blue_1.png"], "n": [1.5, 2.5], 7: ["x", "y"]})
    items = ImageItemList.from_df(table, pictures)
    assert items.split_none().label_from_df().train.y.data.tolist() == [1.5, 2.5]  # the second column
    assert items.split_none().label_from_df(-1).train.y.classes == ["x", "y"]
    assert items.split_none().label_from_df(7).train.y.classes == ["x", "y"]  # a name comes before a position
    with pytest.raises(DataError, match="there are 3, 3 arrived"):
        items.split_none().label_from_df(3)


def test_lists_are_added_filtered_and_split_by_a_function(pictures: Path) -> None:
    both = ImageItemList.from_folder(pictures / "train").add(ImageItemList.from_folder(pictures / "valid"))
    assert (len(both), both.path) == (8, pictures / "train")
    split = both.split_by_valid_func(lambda file: file.stem == "red_0")
    assert [file.stem for file in split.valid.items] == ["red_0", "red_0"]
    assert len(both.filter_by_func(lambda file: file.parent.name == "red")) == 4
    with pytest.raises(DataError, match="must come from tables, or neither"):
        both.add(ImageItemList.from_df(pd.DataFrame({"name": ["test/0.png"]}), pictures))


def test_test_data_are_added_before_the_batches(pictures: Path) -> None:
    labelled = ImageItemList.from_folder(pictures / "train").split_none().label_from_folder()
    data = labelled.add_test(ImageItemList.from_folder(pictures / "test")).databunch(bs=2)
    assert [file.name for file in data.test_ds.items] == ["0.png"]
    assert labelled.databunch(bs=2).test_dl is None


def test_a_model_is_opened_by_the_folder_that_it_was_exported_into(tmp_path: Path) -> None:
    df = pd.DataFrame({"x": np.arange(12.0), "y": np.arange(12.0)})
    items = TabularList.from_df(df, cont_names=["x"], path=tmp_path).split_by_idx([1, 2])
    learn = tabular_learner(items.label_from_df("y").databunch(bs=4), layers=[4], seed=0)
    learn.export()
    again = load_learner(tmp_path, test=df.head(3))
    assert torch.equal(again.get_preds("test")[0], learn.get_preds(dl=learn.data.loader(df.head(3)))[0])
    assert again.path == load_learner(tmp_path / EXPORT).path
    with pytest.raises(ArtifactError, match="elsewhere"):
        load_learner(tmp_path / "elsewhere")


# Tensors


def tensor_data(**options: object) -> DataBunch:
    from torch.utils.data import TensorDataset

    x = torch.arange(20.0).reshape(10, 2)
    y = torch.arange(10) % 3
    return DataBunch.create(TensorDataset(x, y), TensorDataset(x[:4], y[:4]), bs=4, device="cpu", **options)


def test_data_of_tensors_are_batches_of_them() -> None:
    data = tensor_data()
    x, y = next(iter(data.train_dl))
    assert (x.shape, y.shape) == ((4, 2), (4,))
    assert isinstance(data.y, CategoryList)
    assert (data.classes, data.c) == ([0, 1, 2], 3)
    rows = torch.cat([x for x, _ in data.train_dl])
    assert sorted(rows[:, 0].tolist()) == list(range(0, 20, 2))
    assert next(iter(data.valid_dl))[0].tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_a_network_of_one_s_own_learns_from_tensors() -> None:
    torch.manual_seed(0)
    learn = Learner(tensor_data(), nn.Linear(2, 3), loss_func=nn.CrossEntropyLoss(), metrics=accuracy)
    learn.fit_one_cycle(cyc_len=2, max_lr=0.1)
    assert learn.get_preds()[0].shape == (4, 3)
    assert len(learn.recorder.lrs) == len(learn.recorder.moms) == 6
    assert len(learn.recorder.val_losses) == 2
    with pytest.raises(TrainingError, match="epochs or cyc_len"):
        learn.fit_one_cycle(1, cyc_len=1)
    with pytest.raises(TrainingError, match="epochs or cyc_len"):
        learn.fit_one_cycle()


def test_tensors_that_are_no_pairs() -> None:
    from torch.utils.data import TensorDataset

    with pytest.raises(DataError, match="train must be a TensorDataset of inputs and targets; 1 tensors arrived"):
        DataBunch.create(TensorDataset(torch.zeros(3, 2)), TensorDataset(torch.zeros(3, 2)))
    pair = TensorDataset(torch.zeros(3, 2), torch.arange(3))
    with pytest.raises(DataError, match="valid must be a TensorDataset of inputs and targets; list arrived"):
        DataBunch.create(pair, [])
    with pytest.raises(DataError, match="must be classes of the training items"):
        DataBunch.create(pair, TensorDataset(torch.zeros(3, 2), torch.arange(3) + 1))


def test_mixup_of_the_course(pictures: Path) -> None:
    learn = Learner(tensor_data(), nn.Linear(2, 3)).mixup(0.2)
    assert [type(callback) for callback in learn.callbacks] == [Mixup]
    learn.fit(1)
    df = pd.DataFrame({"x": np.arange(12.0), "y": np.arange(12.0)})
    rows = TabularList.from_df(df, cont_names=["x"]).split_none().label_from_df("y").databunch(bs=4, device="cpu")
    with pytest.raises(TrainingError, match="leave Mixup out"):
        tabular_learner(rows, layers=[4]).mixup().fit(1)


def test_mixed_precision_of_the_course() -> None:
    learn = Learner(tensor_data(), nn.Linear(2, 3))
    assert learn.to_fp16() is learn
    assert learn.precision == "bf16"
    assert learn.to_fp32().precision == "fp32"


def test_interpretation_is_that_of_the_data(pictures: Path) -> None:
    assert type(Learner(tensor_data(), nn.Linear(2, 3)).interpret()) is handlens.basics.Interpretation
    data = ImageDataBunch.from_folder(pictures, test="test", size=8, bs=2)
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    assert isinstance(Learner(data, model).interpret(), handlens.vision.ImageInterpretation)


# Pictures of one channel


def test_pictures_of_one_channel(tmp_path: Path) -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, 2) * 40
    pixels[0, 0] = (255, 0, 0)
    for i in range(4):
        file = tmp_path / "ab"[i % 2] / f"{i}.png"
        file.parent.mkdir(exist_ok=True)
        Pillow.fromarray(pixels).save(file)
    items = ImageItemList.from_folder(tmp_path, convert_mode="L")
    picture = items[0]
    assert picture.shape == picture.data.shape == (1, 2, 3)
    assert (picture.data * 255).round().tolist() == [[[76, 40, 80], [120, 160, 200]]]  # .299 · 255 = 76.245
    assert Image(picture.data).pixels.tolist() == picture.pixels.tolist()
    data = items.split_by_idx([0]).label_from_folder().transform((rand_pad(1, (2, 3), "zeros"), [])).databunch(bs=3)
    inputs, _ = data.normalize().one_batch()
    assert inputs.shape == (3, 1, 2, 3)
    assert data.denorm(inputs).shape == (3, 1, 2, 3)
    inputs, _ = next(iter(data.valid_dl))
    assert torch.allclose(data.denorm(inputs)[0], picture.data, atol=1e-6)
    assert torch.allclose(data.one_item(items.items[0])[0], inputs)
    back = ImageDataBunch.from_state(data.state())
    assert torch.allclose(back.one_item(items.items[0])[0], inputs)
    with pytest.raises(handlens.errors.BackboneError, match="take pictures in colour"):
        create_cnn(data, "mobilenetv2_035", pretrained=False)


def test_the_colours_of_a_picture_of_one_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot as plt

    from handlens.core.defaults import defaults

    plt.switch_backend("agg")
    picture = Image(torch.tensor([[[0.0, 1.0]]]))
    monkeypatch.setattr(defaults, "cmap", "binary")
    for options, wanted in (({}, "binary"), ({"cmap": "viridis"}, "viridis")):
        _, ax = plt.subplots()
        picture.show(ax, **options)
        assert ax.images[0].get_cmap().name == wanted
    plt.close("all")


def test_a_mask_by_itself() -> None:
    from matplotlib import pyplot as plt

    plt.switch_backend("agg")
    mask = ImageSegment(np.array([[0, 1, 2]]))
    _, ax = plt.subplots()
    mask.show(ax, title="street", alpha=0.5)
    assert ax.images[0].get_array().tolist() == [[0, 1, 2]]
    assert (ax.images[0].get_interpolation(), ax.images[0].get_alpha(), ax.get_title()) == ("nearest", 0.5, "street")
    assert mask.shape == mask.data.shape == (1, 1, 3)
    plt.close("all")


def test_points_of_a_flow_field() -> None:
    assert ImagePoints(FlowField((4, 6), torch.tensor([1.0, 2.0]))).data.tolist() == [[1, 2]]
    points = ImagePoints(FlowField((4, 6), torch.tensor([[-1.0, 1.0], [0.0, 0.0]])), scale=False)
    assert (points.data.tolist(), points.size) == ([[0, 6], [2, 3]], (4, 6))
    with pytest.raises(DataError, match="height and width of their picture"):
        ImagePoints(torch.zeros(1, 2))


def test_a_batch_of_another_part(pictures: Path) -> None:
    from matplotlib import pyplot as plt

    plt.switch_backend("agg")
    data = ImageDataBunch.from_folder(pictures, test="test", size=8, bs=2)
    for part in course.DatasetType:
        data.show_batch(1, ds_type=part)
    assert len(plt.get_fignums()) == 3
    plt.close("all")


# Transforms


def test_a_padded_crop_moves_by_at_most_the_padding() -> None:
    pixels = np.zeros((5, 5, 3), np.uint8)
    pixels[2, 2] = 255
    seen = set()
    for seed in range(40):
        moved = Augment(rand_pad(1, 5, "zeros"))(
            Image.from_pixels(pixels), generator=torch.Generator().manual_seed(seed)
        )
        (place,) = np.argwhere(moved.pixels[..., 0] == 255)
        seen.add(tuple((place - 2).tolist()))
    assert seen == {(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)}


def test_a_random_part_is_resized_without_a_border() -> None:
    x = torch.linspace(0, 1, 64)
    ramp = torch.stack([x.expand(48, 64)] * 3)
    for seed in range(20):
        found = Augment(rand_resize_crop(24, max_scale=4), padding_mode="zeros")(
            Image(ramp), generator=torch.Generator().manual_seed(seed)
        )
        assert found.size == (24, 24)
        row = found.data[0, 12]
        assert (row.diff() >= 0).all()
        assert 0.75**0.5 / 2 - 0.05 <= float(row[-1] - row[0]) <= 1  # √(ratio / scale) of the width
    with pytest.raises(DataError, match="max_scale must be 1 or more"):
        rand_resize_crop(24, max_scale=0.5)


def test_applied_transforms() -> None:
    picture = Image(torch.rand(3, 12, 16))
    assert picture.apply_tfms(zoom_crop(2.0, do_rand=True), size=8).size == (8, 8)
    assert picture.apply_tfms(None).pixels.tolist() == picture.pixels.tolist()
    assert apply_tfms([], picture, size=(4, 5)).size == (4, 5)


# Layers


def test_a_convolution_of_the_course() -> None:
    layers = conv_layer(3, 8, stride=2)
    assert [type(layer).__name__ for layer in layers] == ["Conv2d", "ReLU", "BatchNorm2d"]
    assert layers[0].bias is None
    assert layers[0].padding == (1, 1)
    assert conv_layer(3, 8, norm=False)[0].bias is not None
    assert float(conv_layer(64, 64)[0].weight.detach().std()) == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.03)


def test_a_residual_block_is_the_sum() -> None:
    block = res_block(4).eval()
    x = torch.rand(2, 4, 6, 6)
    assert torch.allclose(block(x), x + block.layers(x))
    dense = res_block(4, dense=True).eval()
    assert torch.equal(dense(x)[:, 2:], x)
    assert torch.allclose(dense(x)[:, :2], dense.layers(x))


def test_a_small_network() -> None:
    net = simple_cnn((3, 4, 2), bn=True)
    assert [type(layer).__name__ for layer in net] == ["Sequential", "Sequential", "AdaptiveAvgPool2d", "Flatten"]
    assert [len(layers) for layers in net[:2]] == [3, 2]  # no batch norm at the end
    assert Flatten()(torch.zeros(2, 3, 4)).shape == (2, 12)
    with pytest.raises(TrainingError, match="1 kernels and 2 strides arrived: give 2 of each"):
        simple_cnn((3, 4, 2), kernel_szs=[3])


# Tables


def test_a_date_on_circles() -> None:
    df = pd.DataFrame({"SaleDate": ["2016-02-15 18:30:15", None, "2015-12-31"], "n": [1, 2, 3]})
    add_cyclic_datepart(df, "SaleDate", time=True, add_linear=True)
    assert "SaleDate" not in df
    places = {"weekday": 0 / 7, "day_month": 14 / 29, "month_year": 1 / 12, "day_year": 45 / 366}
    places |= {"hour": 18 / 24, "clock": 6 / 12, "min": 30 / 60, "sec": 15 / 60}
    for name, place in places.items():
        assert df[f"Sale{name}_cos"][0] == pytest.approx(np.cos(2 * np.pi * place), abs=1e-12)
        assert df[f"Sale{name}_sin"][0] == pytest.approx(np.sin(2 * np.pi * place), abs=1e-12)
    assert df["Saleyear_lin"][0] == pytest.approx(2016 + (45 + (18 * 3600 + 30 * 60 + 15) / 86400) / 366, abs=1e-12)
    assert df["Saleday_month_cos"][2] == pytest.approx(np.cos(2 * np.pi * 30 / 31))
    assert df.iloc[1].drop("n").isna().all()
    kept = add_cyclic_datepart(pd.DataFrame({"day": ["2015-07-31"]}), "day", "d_", drop=False)
    assert list(kept)[:3] == ["day", "d_weekday_cos", "d_weekday_sin"]
    with pytest.raises(TableError, match="must be a column"):
        add_cyclic_datepart(df, "absent")


def test_continuous_and_categorical_columns() -> None:
    df = pd.DataFrame(
        {
            "few": np.arange(30, dtype=np.int32) % 20,
            "many": np.arange(30, dtype=np.int8) % 21,
            "real": np.float32(0.5),
            "flag": True,
            "text": "a",
            "y": 1.0,
        }
    )
    assert cont_cat_split(df, dep_var="y") == (["many", "real"], ["few", "flag", "text"])
    assert cont_cat_split(df, max_card=19, dep_var=["y", "text"]) == (["few", "many", "real"], ["flag"])
    with pytest.raises(TableError, match=r"\['z'\] are not"):
        cont_cat_split(df, dep_var="z")


# Pictures from the web


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A server of one picture, one page, and one file that says that it is too large."""
    save(tmp_path / "one.png", "red", (900, 600))
    picture = (tmp_path / "one.png").read_bytes()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = picture if ".png" in self.path else b"<html></html>"
            self.send_response(404 if "absent" in self.path else 200)
            self.send_header("Content-Length", str(1 << 30 if "large" in self.path else len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_pictures_of_a_list_of_addresses(web: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    urls = [f"{web}/a.png?size=2", f"{web}/page", "file:///etc/passwd", f"{web}/absent.jpg", f"{web}/large.gif"]
    (tmp_path / "urls.txt").write_text("\n".join(urls) + "\n\n")
    folder = tmp_path / "bears"
    faults = download_images(tmp_path / "urls.txt", folder)
    assert [url for url, _ in faults] == urls[2:]
    assert "larger" in faults[-1][1]
    assert sorted(file.name for file in folder.glob("[!.]*")) == ["00000000.png", "00000001.jpg"]
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert download_images(urls[:2], folder, max_pics=1, max_workers=0) == []

    before = (folder / "00000000.png").read_bytes()
    assert [file.name for file, _ in verify_images(folder)] == ["00000001.jpg"]
    assert (folder / "00000000.png").read_bytes() == before  # nothing is deleted or changed unless asked
    verify_images(folder, delete=True, max_size=300)
    assert [file.name for file in folder.glob("[!.]*")] == ["00000000.png"]
    assert open_image(folder / "00000000.png").size == (200, 300)
    with Pillow.open(folder / "00000000.png") as picture:
        assert picture.format == "PNG"


def test_lists_of_addresses_and_folders_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="urls must be a text file"):
        download_images(tmp_path / "absent.txt", tmp_path)
    with pytest.raises(DataError, match="max_pics"):
        download_images([], tmp_path, max_pics=0)
    with pytest.raises(DataError, match="there is no folder"):
        verify_images(tmp_path / "absent")
    with pytest.raises(FileNotFoundError):
        course.get_image_files(tmp_path / "absent")


def test_a_table_to_batches_in_one_call(tmp_path: Path) -> None:
    df = pd.DataFrame({"shop": list("ab") * 8, "size": np.arange(16) / 4, "sold": ["few", "many"] * 8})
    data = TabularDataBunch.from_df(tmp_path, df, "sold", range(4), [Categorify], test_df=df[:3], bs=4)
    assert (len(data.train_ds), len(data.valid_ds), len(data.test_ds)) == (12, 4, 3)
    assert (data.classes, data.encoder.cat_names, data.encoder.cont_names) == (["few", "many"], ["shop"], ["size"])
    learn = tabular_learner(data, layers=[4], seed=0)
    predictions, targets, losses = learn.get_preds(course.DatasetType.Valid, with_loss=True)
    assert losses.tolist() == pytest.approx((-predictions.log())[range(4), targets].tolist(), rel=1e-5)


@pytest.mark.parametrize(
    ("ending", "loss", "expected"),
    [
        (nn.Sigmoid(), nn.BCELoss(), [0.25, 0.75]),
        (nn.Sigmoid(), F.binary_cross_entropy, [0.25, 0.75]),
        (nn.Identity(), None, [0.25, 0.75]),
        (nn.Identity(), partial(F.binary_cross_entropy_with_logits, reduction="mean"), [0.25, 0.75]),
    ],
)
def test_a_model_that_gives_probabilities_of_several_classes(
    ending: nn.Module, loss: object, expected: list[float]
) -> None:
    x, y = torch.zeros(4, 2), MultiCategoryList(["a", "b", "a b", "a"], label_delim=" ")
    loader = TensorLoader(Labelled(x, y), (x,), y.data, bs=2, device=torch.device("cpu"))
    data = DataBunch(loader, loader, device="cpu")
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([-math.log(3), math.log(3)]))
    learn = Learner(data, nn.Sequential(layer, ending), loss_func=loss, metrics=course.accuracy_thresh)
    assert learn.get_preds()[0][0].tolist() == pytest.approx(expected)
    # Only the second class is predicted, of every item: 3 of 8 are right.
    assert learn.validate()[1] == pytest.approx(3 / 8)


def test_a_model_that_gives_logarithms_of_probabilities() -> None:
    x, y = torch.zeros(4, 2), torch.tensor([0, 1, 1, 1])
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([0.0, math.log(3)]))
    data = DataBunch.create(TensorDataset(x, y), TensorDataset(x, y), bs=2)
    for loss in (nn.NLLLoss(), F.nll_loss, partial(F.nll_loss, weight=torch.ones(2))):
        learn = Learner(data, nn.Sequential(layer, nn.LogSoftmax(1)), loss_func=loss, metrics=accuracy)
        assert learn.get_preds()[0][0].tolist() == pytest.approx([0.25, 0.75])
        assert learn.validate() == pytest.approx([-(math.log(0.25) + 3 * math.log(0.75)) / 4, 0.75])
        assert learn.interpret().preds[0].tolist() == pytest.approx([0.25, 0.75])


def test_the_usual_rate_of_one_cycle_is_a_tenth_for_groups_before_the_last() -> None:
    x, y = torch.zeros(4, 2), torch.tensor([0, 1, 1, 1])
    data = DataBunch.create(TensorDataset(x, y), TensorDataset(x, y), bs=2)
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2), nn.Linear(2, 2))
    learn = Learner(data, model, layer_groups=list(model))
    learn.fit_one_cycle(1, seed=0)
    assert learn.run.schedule.rates.max(0).tolist() == pytest.approx([3e-4, 3e-4, 3e-3])


def test_one_metric_may_be_set() -> None:
    x, y = torch.zeros(4, 2), torch.tensor([0, 1, 1, 1])
    data = DataBunch.create(TensorDataset(x, y), TensorDataset(x, y), bs=2)
    learn = Learner(data, nn.Linear(2, 2))
    learn.metrics = accuracy
    assert learn.metrics == [accuracy]
    assert len(learn.validate()) == 2
    with pytest.raises(TrainingError, match="metrics must be a list"):
        learn.metrics = 3


def test_a_tensor_of_several_numbers() -> None:
    assert handlens.basics.tensor(3.0, 2).tolist() == [3.0, 2.0]
    assert handlens.vision.tensor([1, 2], [3, 4]).tolist() == [[1, 2], [3, 4]]
    assert handlens.tabular.tensor([1, 2], dtype=torch.float64).dtype == torch.float64
    assert handlens.basics.tensor(5).shape == ()


def test_the_label_of_test_data_is_not_used() -> None:
    df = pd.DataFrame({"shop": list("ab") * 8, "sold": ["few", "many"] * 8})
    items = TabularList.from_df(df, cat_names=["shop"], procs=[Categorify]).split_by_idx(range(4)).label_from_df("sold")
    assert len(items.add_test(df[:3], label=0).databunch().test_ds) == 3


def test_from_lists_takes_paths_that_begin_with_its_path(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pictures.parent)
    path, names = Path(pictures.name), ["train/red/red_0.png", "train/blue/blue_0.png"]
    for files in ([path / name for name in names], names):
        data = ImageDataBunch.from_lists(path, files, labels=["x", "x"], valid_pct=0.5, seed=0, bs=1)
        assert sorted(map(str, [*data.train_ds.x.items, *data.valid_ds.x.items])) == [
            str(path / name) for name in reversed(names)
        ]


def test_a_model_is_opened_by_the_name_of_its_file(tmp_path: Path) -> None:
    df = pd.DataFrame({"x": np.arange(12.0), "y": np.arange(12.0)})
    items = TabularList.from_df(df, cont_names=["x"], path=tmp_path).split_by_idx([1, 2])
    learn = tabular_learner(items.label_from_df("y").databunch(bs=4), layers=[4], seed=0)
    learn.export()
    wanted = learn.predict_frame(df)
    assert load_learner(tmp_path, "export.pkl").predict_frame(df).equals(wanted)  # the name in the course
    learn.export("other")
    learn.fit(1, 0.1)
    learn.export("export.pkl")
    assert load_learner(tmp_path, file="other").predict_frame(df).equals(wanted)
    assert load_learner(tmp_path, "export.pkl").predict_frame(df).equals(learn.predict_frame(df))
    with pytest.raises(ArtifactError, match="absent"):
        load_learner(tmp_path, "absent")
    for outside in ("../other", tmp_path / "other"):
        with pytest.raises(DataError, match="file must be a name below the folder"):
            load_learner(tmp_path / "learner", outside)


def test_losses_of_the_course_get_outputs_in_the_shape_of_the_targets() -> None:
    x, y = torch.arange(4.0)[:, None], torch.tensor([0.0, 1.0, 0.0, 1.0])
    data = DataBunch.create(torch.utils.data.TensorDataset(x, y), torch.utils.data.TensorDataset(x, y), bs=4)
    same = nn.Linear(1, 1)
    nn.init.ones_(same.weight)
    nn.init.zeros_(same.bias)
    squares = [0.0, 0.0, 4.0, 4.0]  # of [4, 1] and [4], each compared with each, the mean would be 2.5
    logs = [float(np.log1p(np.exp(score))) for score in (0, -1, 2, -3)]
    for loss, wanted in ((course.MSELossFlat(), squares), (course.BCEWithLogitsFlat(), logs)):
        learn = Learner(data, same, loss_func=loss)
        assert learn.validate() == [pytest.approx(np.mean(wanted))]
        assert learn.get_preds(with_loss=True)[2].tolist() == pytest.approx(wanted)
        learn.fit(1, 1e-9)
        assert learn.recorder.losses.tolist() == pytest.approx([np.mean(wanted)])


def test_the_cross_entropy_of_masks() -> None:
    scores = torch.zeros(1, 3, 1, 2)
    scores[0, 1] = 1.0
    loss = course.CrossEntropyFlat(axis=1)
    wanted = np.log(np.e + 2) - 1
    assert float(loss(scores, torch.tensor([[[[1, 255]]]]))) == pytest.approx(wanted)  # 255 is not known
    with pytest.raises(TrainingError, match="axis must be 1"):
        course.CrossEntropyFlat(axis=2)
    assert handlens.vision.SegmentationLabelList is handlens.vision.MaskList
    assert handlens.vision.PointsLabelList is handlens.vision.PointsList


def test_one_batch_of_a_part(pictures: Path) -> None:
    data = ImageDataBunch.from_folder(pictures, test="test", size=8, bs=3)
    assert data.batch_size == 3
    inputs, targets = data.one_batch(course.DatasetType.Valid)
    assert (inputs.shape, targets.tolist()) == ((4, 3, 8, 8), [0, 0, 1, 1])
    assert data.one_batch("test")[0].shape == (1, 3, 8, 8)
    alone = ImageItemList.from_folder(pictures).split_none().label_from_folder().databunch(bs=2)
    with pytest.raises(DataError, match="a part named 'test'"):
        alone.one_batch("test")
    with pytest.raises(DataError, match="a batch of 'valid' needs items"):
        alone.one_batch("valid")
