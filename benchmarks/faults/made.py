"""A small collection with all that a collection can have, saved models of each kind, and what they answer."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

PHOTOS = 40
NETWORK = "test_efficientnet"
"""The smallest network of timm."""
WHERE = "patches/coarse/where"
CIRCLES, SQUARES = range(PHOTOS // 2), range(PHOTOS // 2, PHOTOS)


def draw_photos(folder: Path, count: int = PHOTOS) -> None:
    """Pictures of 64×48 on a noisy ground, half with a red circle, half with a blue square."""
    from PIL import Image, ImageDraw

    for i in range(count):
        kind = "circle" if i < count // 2 else "square"
        random = np.random.default_rng([i, len(kind)])
        picture = Image.fromarray(random.integers(90, 170, (48, 64, 3), dtype=np.uint8))
        x, y, r = (int(v) for v in random.integers([4, 4, 14], [14, 14, 20]))
        pen = ImageDraw.Draw(picture)
        if kind == "circle":
            pen.ellipse((x, y, x + r, y + r), fill=(200, 40, 40))
        else:
            pen.rectangle((x + 25, y, x + 25 + r, y + r), fill=(30, 60, 220))
        (folder / f"{kind}s").mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"{kind}s" / f"{i:02d}.png")


def make_small(connection: Connection, folder: Path) -> None:
    """A prepared collection without labels, with features learned on its photos; the photos are in it."""
    from handlens.studio import Collection

    draw_photos(folder / "photos")
    with Collection.create(folder, images=folder / "photos", name="shapes", backbone=None) as collection:
        collection.prepare()
    connection.send("made")


def make_whole(connection: Connection, folder: Path) -> None:
    """A collection with features of two sources, labels, both models, a check, decisions and an attached table."""
    from handlens.studio import Collection

    draw_photos(folder / "photos")
    with Collection.create(
        folder, images=folder / "photos", name="shapes", backbone=NETWORK, weights=random_weights(folder)
    ) as collection:
        collection.add_features(None)
        collection.prepare()
        collection.label(CIRCLES[:8], "circle")
        collection.label(SQUARES[:8], "square")
        collection.rename("square", "box")
        collection.separate(["circle", "box"])
        collection.map(WHERE, "neighbours")
        collection.duplicates()
        rows = [f"{path},{'in' if i % 3 else 'out'}" for i, path in enumerate(collection.paths)]
        (folder.parent / "places.csv").write_text("\n".join(["photo,place", *rows]) + "\n")
        collection.attach(folder.parent / "places.csv")
        collection.answer("motivation.purpose", "To be harmed.")
        collection.train()
        collection.fine_tune(epochs=1)
        for id in collection.draw_spot_check(4):
            collection.answer_spot_check(int(id), "circle" if id in CIRCLES else "box")
        case = collection.review.contest(CIRCLES[-1], by="Bob", why="Look again.")
        collection.review.overrule(case.id, "ring", by="Ann", reason="It is one.")
        asked(collection)  # what is computed when it is first asked for
    connection.send("made")


def random_weights(folder: Path) -> Path:
    """A file of random weights for `NETWORK`, beside a collection's folder."""
    import timm
    import torch
    from safetensors.torch import save_file

    file = folder.parent / "tiny.safetensors"
    torch.manual_seed(0)
    save_file(timm.create_model(NETWORK, num_classes=0).state_dict(), file)
    return file


def asked(collection: Any) -> dict[str, str]:
    """What a collection answers to all that can be asked without changing it: a digest of each answer."""
    from handlens.errors import HandlensError

    photos = collection.parts.photos
    answers: dict[str, Any] = {
        "paths": lambda: collection.paths,
        "name": lambda: [collection.name, collection.seed],
        "left out": lambda: [(out.path, out.reason) for out in collection.left_out],
        "labels": lambda: [collection.label_names, collection.labels.tolist(), collection.parts.labels.state.version],
        "undo": lambda: [collection.parts.labels.undo_text, collection.parts.labels.redo_text],
        "origins": lambda: collection.origins.drop(columns="at").astype(str).to_numpy().tolist(),
        "layers": lambda: [(layer.id, layer.dim) for layer in collection.layers],
        "features": lambda: [file.rows.read() for source in collection.sources for file in source.rows],
        "features exactly": lambda: [
            hashlib.sha256(file.rows.read().tobytes()).hexdigest()
            for source in collection.sources
            for file in source.rows
        ],
        "shapes": lambda: photos.aspects,
        "thumbnails": lambda: [hashlib.sha256(photos.thumbnail(i)).hexdigest() for i in range(len(collection.paths))],
        "sheet": lambda: hashlib.sha256(photos.sheet(0)).hexdigest(),
        # Of one layer of each source: what all layers are computed from is compared above.
        "maps": lambda: [
            collection.map(source.layers[-1], projection)
            for source in collection.sources
            if source.layers
            for projection in collection.projections(source.layers[-1])
            if projection != "neighbours" or source.layers[-1].id == WHERE
        ],
        "report": lambda: repr(collection.report),
        "models": lambda: [repr(report) for report in collection.models.values()],
        "predictions": lambda: collection.predictions().to_numpy().tolist(),
        "suspects": lambda: collection.suspects().to_numpy().tolist(),
        "history": lambda: [repr(point) for point in collection.history],
        "check": lambda: [collection.spot_check.answers, collection.spot_check.waiting],
        "cases": lambda: [repr(case) for case in collection.review.queue.cases],
        "attached": lambda: repr(collection.attached),
        "answers": lambda: collection.parts.checks.answers,
        "next": lambda: collection.next(5),
        "duplicates": lambda: collection.duplicates().to_numpy().tolist(),
        "similar": lambda: collection.similar([0], layer=WHERE).to_numpy().tolist(),
        "told": lambda: [notice for notice in collection.notices if "damaged" in notice],  # last: as it is found
    }
    found = {}
    for name, answer in answers.items():
        try:
            found[name] = digest(answer())
        except HandlensError as error:
            found[name] = f"error: {error}"
    return found


def digest(value: Any) -> str:
    """A digest of numbers and texts; numbers are rounded to four digits, for sums are not added in one order always."""
    return hashlib.sha256(json.dumps(_plain(value)).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f":
            return [list(value.shape), np.char.mod("%.4g", value.astype(np.float64).ravel() + 0.0).tolist()]
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, float | np.floating):
        return f"{float(value):.4g}"
    return value if isinstance(value, str | int | None) else str(value)


# --- saved models ---------------------------------------------------------------------------------------


def learner(folder: Path, *, layers: Sequence[int] = (8,), seed: int = 0) -> Any:
    """A learner of a made-up table, the same each time."""
    import pandas as pd

    from handlens.tabular import Categorify, FillMissing, FloatList, Normalize, TabularList, tabular_learner

    df = pd.DataFrame({"shop": list("abcd") * 16, "x": [(i * 37 % 64) / 16 - 2 for i in range(64)]})
    df["day"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(64) % 5, unit="D")
    df["sales"] = [1.0 + i % 4 + (i * 37 % 64) / 64 for i in range(64)]
    df.loc[::9, "x"] = np.nan
    items = TabularList.from_df(
        df, path=folder, cat_names=["shop", "day"], cont_names=["x"], procs=[FillMissing, Categorify, Normalize]
    )
    data = items.split_by_idx(range(16)).label_from_df("sales", label_cls=FloatList).databunch(bs=16)
    return tabular_learner(data, layers=list(layers), ps=[0.1] * len(layers), emb_drop=0.0, seed=seed)


def make_models(connection: Connection, folder: Path, whole: Path) -> None:
    """Saved models of each kind below `folder`, of the collection `whole` and of a table."""
    from handlens.core.callbacks import Callback
    from handlens.core.checkpoint import Checkpoint
    from handlens.studio import Collection

    class Stop(Callback):
        def before_epoch(self, learn: Any) -> None:
            if learn.run.epoch == 1:
                raise InterruptedError

    learn = learner(folder)
    try:
        learn.fit(2, 1e-2, seed=1, callbacks=[Checkpoint("checkpoint"), Stop()])
    except InterruptedError:
        shutil.move(folder / "models" / "checkpoint", folder / "training-checkpoint")
    learn.save("weights")
    shutil.move(folder / "models" / "weights", folder / "weights")
    shutil.rmtree(folder / "models")  # the lock of the checkpoint is left
    learn.export(str(folder / "tabular-learner"))
    own = shutil.copytree(whole, folder / "collection")
    with Collection.open(own) as collection:
        for kind, name in (("quick", "photo-classifier"), ("fine-tuned", "vision-learner"), ("both", "photo-ensemble")):
            collection.use_model(kind)
            collection.export_model(folder / name)
    shutil.rmtree(own)
    connection.send("made")


def ask_model(kind: str, folder: Path) -> dict[str, str]:
    """What a saved model of a kind, in a folder of any name, says when it is used."""
    import pandas as pd

    from handlens.core.artifact import part_of
    from handlens.core.checkpoint import Checkpoint
    from handlens.core.saved import load_learner

    if kind == "tabular-learner":
        new = pd.DataFrame({"shop": ["a", "d", None, "z"], "x": [0.5, -1.0, np.nan, 3.0]})
        new["day"] = pd.Timestamp("2020-01-02")
        return {"predictions": digest(load_learner(folder).predict_frame(new).to_numpy().tolist())}
    if kind in ("photo-classifier", "vision-learner", "photo-ensemble"):
        photos = folder.parent / "asked"
        if not photos.exists():
            draw_photos(photos, 6)
        files = sorted(photos.rglob("*.png"))
        return {"predictions": digest(load_learner(folder).predict_files(files).iloc[:, 1:].to_numpy().tolist())}
    learn = learner(folder.parent)
    (folder.parent / "models").mkdir(exist_ok=True)
    place = folder.parent / "models" / "asked"
    shutil.copytree(folder, place, symlinks=True)
    try:
        if kind == "weights":
            learn.load("asked")
        else:
            learn.fit(2, 1e-2, seed=1, callbacks=[Checkpoint("asked")])
    finally:
        shutil.rmtree(place, ignore_errors=True)
    values = part_of({f".{name}": value for name, value in learn.model.state_dict().items()}, ".")
    return {name: hashlib.sha256(value.numpy().tobytes()).hexdigest() for name, value in values.items()}
