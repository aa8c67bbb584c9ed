"""Writes what an installed version of handlens leaves on disk, for the tests that later versions still read it.

The files in data/ were written by handlens 0.1.0 as it was before its first release (commit ea8822b). They are not
written again when the code changes: later versions must read exactly these. Where a later version writes something in
another way, add files of that version beside them:

    python tests/compat/write_fixtures.py FOLDER

Each fixture is a zip of what was written and a JSON file of what its version said about it. Everything is made up.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

import handlens
from handlens.core.callbacks import Callback
from handlens.core.checkpoint import Checkpoint
from handlens.studio import finetune
from handlens.studio.collection import Collection
from handlens.studio.features import backbones, patches
from handlens.studio.predictor import load_predictor
from handlens.tabular import (
    Categorify,
    FillMissing,
    FloatList,
    Normalize,
    TabularList,
    accuracy,
    rmse,
    tabular_learner,
)
from handlens.tabular import load_learner as load_tabular
from handlens.vision import ImageItemList, create_cnn, error_rate, get_transforms, imagenet_stats

NETWORK = "test_efficientnet"
"""The smallest network of timm: 99,196 weights."""


def main(target: Path) -> None:
    torch.set_num_threads(1)
    # Few and small clusters, and float32 whatever the processor offers.
    patches._SAMPLES, patches._ROUNDS, patches.CENTRES = 2000, 3, 12
    backbones.half_precision = finetune.half_precision = lambda _: False
    finetune.soften = sure_and_coarse
    target.mkdir(parents=True, exist_ok=True)
    for write in (write_collection, write_photo_classifier, write_tabular, write_vision):
        name = write.__name__.removeprefix("write_").replace("_", "-")
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / name
            folder.mkdir()
            said = {"written_by": handlens.__version__, **write(folder)}
            zipped(folder, target / f"{name}.zip")
        text = json.dumps(said, indent=1, ensure_ascii=False, default=plain)
        (target / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(name, (target / f"{name}.zip").stat().st_size)


# --- Studio ------------------------------------------------------------------------------------------


def write_collection(folder: Path) -> dict[str, Any]:
    """A collection of 24 photos with a history, two models, an attached CSV, answers, and a reviewed prediction."""
    photos = folder / "photos"
    for i in range(12):
        draw(photos / "rings" / f"ring {i:02d}.png", kind="ring", seed=i)
        draw(photos / "blöcke" / f"{i:02d}.png", kind="block", seed=i)
    (photos / "notes.txt").write_text("not a photo\n")
    weights = folder.parent / "weights.safetensors"
    save_file(coarse_network().state_dict(), weights)
    csv = folder.parent / "places.csv"
    with Collection.create(
        folder, images=photos, backbone=NETWORK, weights=weights, seed=3, name="Rings & blocks"
    ) as collection:
        collection.add_features(None)
        collection.prepare()
        blocks = [i for i, path in enumerate(collection.paths) if path.startswith("bl")]
        rings = [i for i, path in enumerate(collection.paths) if path.startswith("rings")]
        collection.label(rings[:6], "ring")
        collection.label(blocks[:6], "block")
        collection.label(blocks[6:8], "other")
        collection.label([blocks[9], blocks[10]], "ring")  # wrong, so that the model is not sure of everything
        collection.rename("ring", "circle")
        collection.merge(["other"], "block")
        collection.unlabel(rings[:1])
        collection.undo()
        collection.undo()
        collection.redo()
        collection.label([rings[6]], "late")
        collection.undo()  # left to be redone
        collection.separate(["circle", "block"])
        layer = "patches/coarse/where"
        for projection in collection.projections(layer):
            collection.map(layer, projection)
        collection.set_view({"layer": layer, "projection": "neighbours", "opacity": 0.25})
        rows = [f"{path},{'in' if i % 3 else 'out'},{i % 2}" for i, path in enumerate(collection.paths)]
        csv.write_text("\n".join(["photo,place,odd", *rows]) + "\n", encoding="utf-8")
        collection.attach(csv)
        collection.answer("motivation.purpose", "To see whether old files can be read.")
        collection.answer("notes", "Made up.")
        undone = collection.redo_text
        collection.train()
        collection.fine_tune(epochs=1)
        tuned = probabilities(collection)
        collection.use_model("quick")
        contested = collection.review.contest(rings[-1], by="Bob", why="That is my ring.")
        decided = collection.review.overrule(contested.id, "odd", by="Ann", reason="it is a spiral")
        waiting = collection.review.contest(blocks[-1], by="Bob", why="Is it?")
        collection.label([rings[7]], "late")
        collection.undo()
        quick = probabilities(collection)
        labels = [name if isinstance(name, str) else None for name in collection.labels]
        return {
            "name": collection.name,
            "seed": collection.seed,
            "paths": collection.paths,
            "left_out": [[file.path, file.reason] for file in collection.left_out],
            "layers": [[layer.id, layer.dim] for layer in collection.layers],
            "labels": labels,
            "label_table": [[info.name, info.count, info.colour] for info in collection.label_table],
            "label_version": collection.label_version,
            "undo_text": collection.undo_text,
            "redo_text": collection.redo_text,
            "redo_text_before_training": undone,
            "separating": collection.separating,
            "view": collection.view,
            "neighbours": collection.map(layer, "neighbours"),
            "models": {
                kind: {
                    "accuracy": report.accuracy,
                    "interval": report.interval,
                    "per_class": report.per_class.reset_index().to_dict("list"),
                    "confusion": report.confusion.to_numpy(),
                    "n_labelled": report.n_labelled,
                    "layers": report.layers,
                    "labels_version": report.labels_version,
                    "seconds": report.seconds,
                    "warnings": report.warnings,
                    "network": report.network,
                }
                for kind, report in collection.models.items()
            },
            "model": collection.model,
            "model_version": collection.model_version,
            "quick": quick,
            "fine-tuned": tuned,
            "held_out": [collection.held_out.ids, collection.held_out.truth, collection.held_out.predicted],
            "attached": [collection.attached.name, collection.attached.column, collection.attached.columns],
            "subgroups": collection.subgroups("place").frame[["group", "n", "value"]].to_dict("list"),
            "answers": collection.answers,
            "cases": [
                [case.id, case.reference, case.status, case.label, case.contested]
                for case in collection.review.queue.cases
            ],
            "decided": decided.id,
            "waiting": waiting.id,
        }


def write_photo_classifier(folder: Path) -> dict[str, Any]:
    """An exported model of a collection, and photos that it predicts."""
    photos = folder / "photos"
    for i in range(8):
        draw(photos / f"ring {i}.png", kind="ring", seed=i)
        draw(photos / f"block {i}.png", kind="block", seed=i)
    with Collection.create(folder.parent / "collection", images=photos, backbone=None) as collection:
        collection.prepare()
        collection.label([i for i, path in enumerate(collection.paths) if path.startswith("ring")][:5], "ring")
        collection.label([i for i, path in enumerate(collection.paths) if path.startswith("block")][:5], "label")
        collection.label([1, 9], "ring")  # a wrong label and a right one, so that it is not sure of everything
        collection.label([8], "label")
        collection.train()
        collection.export_model(folder / "model")
        collection.export(folder / "labels.csv", "csv")
    return {"predictions": load_predictor(folder / "model").predict(photos).to_dict("list")}


def draw(path: Path, *, kind: str, seed: int) -> None:
    """A picture of 40×32 pixels with a red ring at the left or a blue block at the right."""
    random = np.random.default_rng([seed, len(kind)])
    ground = random.integers(120, 136, (8, 10, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
    picture = Image.fromarray(ground)
    pen = ImageDraw.Draw(picture)
    x, y, r = (int(v) for v in random.integers([2, 2, 9], [8, 8, 14]))
    if kind == "ring":
        pen.ellipse((x, y, x + r, y + r), fill=(200, 40, 40))
    else:
        pen.rectangle((x + 15, y, x + 15 + r, y + r), fill=(30, 60, 220))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, optimize=True)


def probabilities(collection: Collection) -> dict[str, Any]:
    names, p = collection.probabilities()
    return {"classes": names, "probabilities": p}


# --- learners ----------------------------------------------------------------------------------------


def write_tabular(folder: Path) -> dict[str, Any]:
    """Exported learners of numbers and of classes, an ensemble, saved weights, and a run that was killed."""
    df = pd.DataFrame({"shop": list("abcd") * 16, "day": [i % 7 for i in range(64)]})
    df["x"] = [(i * 37 % 64) / 16 - 2 for i in range(64)]
    df["sales"] = [1.0 + i % 4 + (i * 37 % 64) / 64 for i in range(64)]
    df["many"] = ["yes" if sales > 3 else "no" for sales in df["sales"]]
    df.loc[::9, "x"] = np.nan
    df.to_csv(folder / "rows.csv", index=False)
    new = pd.DataFrame({"shop": ["a", "d", None, "z"], "day": [0, 6, 3, 11], "x": [0.5, -1.0, np.nan, 3.0]})
    new.to_csv(folder / "new.csv", index=False)
    said: dict[str, Any] = {}

    for target in ("sales", "many"):
        learn = learner(df, folder, target)
        learn.fit_one_cycle(2, 1e-2, seed=1)
        learn.save(target)
        learn.export(f"exported {target}")
        said[target] = load_tabular(folder / f"exported {target}").predict_frame(new).to_dict("list")
        said[f"{target} validated"] = learn.validate()
        if target == "sales":
            learn.fit(1, 1e-3, seed=2)
            learn.save("second")
            both = learn.ensemble([target, "second"])
            both.export("exported ensemble")
            said["ensemble"] = load_tabular(folder / "exported ensemble").predict_frame(new).to_dict("list")

    whole = learner(df, folder.parent, "sales")
    whole.fit(3, 1e-3, seed=5)
    said["resumed"] = {
        "rows": [{key: row[key] for key in ("train_loss", "valid_loss", "rmse")} for row in whole.recorder.rows],
        "predictions": whole.get_preds()[0],
    }

    class Kill(Callback):
        def before_epoch(self, learn: Any) -> None:
            if learn.run.epoch == 2:
                raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        learner(df, folder, "sales").fit(3, 1e-3, seed=5, callbacks=[Checkpoint("killed"), Kill()])
    assert (folder / "models" / "killed" / "model.json").is_file()
    return said


def learner(df: pd.DataFrame, path: Path, target: str) -> Any:
    """Also in test_reads_older_files.py: a checkpoint goes on only in a learner that is made the same way."""
    kind = {"label_cls": FloatList} if target == "sales" else {}
    data = (
        TabularList.from_df(
            df, path=path, cat_names=["shop", "day"], cont_names=["x"], procs=[FillMissing, Categorify, Normalize]
        )
        .split_by_idx(range(16))
        .label_from_df(target, **kind)
        .databunch(bs=16)
    )
    metric = rmse if target == "sales" else accuracy
    return tabular_learner(data, layers=[8], ps=[0.1], emb_drop=0.0, seed=0, metrics=metric)


def write_vision(folder: Path) -> dict[str, Any]:
    """An exported learner of pictures, and its saved weights."""
    photos = folder / "photos"
    for i in range(6):
        draw(photos / f"ring_{i}.png", kind="ring", seed=i)
        draw(photos / f"block_{i}.png", kind="block", seed=i)
    weights = folder.parent / "weights.safetensors"
    save_file(coarse_network().state_dict(), weights)
    items = ImageItemList.from_folder(photos)
    items.path = folder
    held = [i for i, file in enumerate(items.items) if file.stem[-1] in "45"]
    data = (
        items.split_by_idx(held)
        .label_from_re(r"([^/]+)_\d.png$")
        .transform(get_transforms(do_flip=False), size=32)
        .databunch(bs=4)
        .normalize(imagenet_stats)
    )
    learn = create_cnn(data, NETWORK, weights=weights, metrics=error_rate, seed=0)
    learn.fit_one_cycle(1, 1e-2, seed=1)
    coarsen(learn.model)
    learn.export("exported")
    learn.save("weights")
    table = learn.predict_files(sorted(photos.iterdir())).drop(columns="file")
    return {"files": [p.name for p in sorted(photos.iterdir())], "predictions": table.to_dict("list")}


# --- small files -------------------------------------------------------------------------------------


def coarse_network() -> torch.nn.Module:
    import timm

    torch.manual_seed(0)
    network = timm.create_model(NETWORK, num_classes=0)
    coarsen(network)
    return network


def coarsen(model: torch.nn.Module) -> None:
    """Round weights to multiples of their deviation, so that their files can be compressed."""
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point() and tensor.ndim > 1:
                step = tensor.std()
                tensor.div_(step).round_().mul_(step)


def sure_and_coarse(learn: Any, *_: Any) -> None:
    """In place of `finetune.soften`: a network that learned for one epoch says much the same of all photos."""
    coarsen(learn.model)
    with torch.no_grad():
        learn.model[1][-1].weight.mul_(20)
        learn.model[1][-1].bias.sub_(learn.get_preds()[0].log().mean(0))


def plain(value: Any) -> Any:
    """Arrays and tensors as lists of numbers rounded to 6 digits, NaN as null."""
    numbers = np.asarray(value)
    if numbers.dtype.kind != "f":
        return numbers.tolist()
    rounded = np.round(numbers.astype(float), 6).astype(object)
    rounded[np.isnan(numbers)] = None
    return rounded.tolist()


def zipped(folder: Path, file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (2026, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, path.read_bytes(), compresslevel=9)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
