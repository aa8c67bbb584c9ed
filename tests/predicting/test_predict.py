"""Predictions of shards: by hand, each photo once whatever interrupts the work, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from pyarrow import dataset as arrow_dataset
from pyarrow import parquet
from typer.testing import CliRunner

from handlens.audit import subgroups
from handlens.cli import app
from handlens.core.artifact import save_artifact
from handlens.core.saved import load_learner
from handlens.embedding import embed, engines, plan, stage
from handlens.errors import ArtifactError, Cancelled, DataError, ShardError
from handlens.io.checksums import with_checksum
from handlens.predicting import PredictionSet, predict, scorers
from handlens.predicting.stage import Scoring
from handlens.scale import ShardSet
from handlens.scale.manifest import read_manifest, write_manifest
from handlens.studio.collection import Collection
from handlens.studio.pac_labels import fewest_checks, pac_labels
from handlens.studio.sources import EXTRACTOR_KIND
from tests.embedding.made_photos import write_photos
from tests.predicting.made_models import probabilities_by_hand, save_model, small_network, write_shards


@pytest.fixture(scope="module")
def network():
    return small_network()


@pytest.fixture
def made(network, tmp_path):
    """A model and shards of 25 photos, ten a shard."""
    save_model(tmp_path / "model", network)
    write_shards(tmp_path / "shards", network)
    return tmp_path


def in_this_process(job, units, *, processes, check):
    own = Scoring(job.out, threads=torch.get_num_threads())
    for unit in units:
        check()
        yield own.run(unit)


@pytest.fixture(autouse=True)
def here(request, monkeypatch):
    """Predicts in this process, which takes no time to start; a real process has a test of its own."""
    if "real_process" not in request.node.name:
        monkeypatch.setattr(engines, "in_processes", in_this_process)


def files_of(folder):
    return sorted((folder / "files").rglob("*.parquet"))


# --------------------------------------------------------------------------------- what is predicted


def test_probabilities_and_counts_by_hand(made):
    said, told = [], []
    found = predict(made / "model", made / "shards", say=said.append, progress=told.append)
    assert found.folder == made / "shards" / "predictions"
    assert said == ["To predict: 25 photos. The model reads the features in the shards, and no photo."]
    assert [(now.done, now.total, now.left_out, now.units) for now in told] == [
        *((0, 25, 0, 0), (10, 25, 0, 1), (20, 25, 0, 2), (25, 25, 0, 3))
    ]
    rows = np.arange(25)
    dog = probabilities_by_hand(rows)
    table = found.frame()
    assert table["path"].tolist() == [f"photos/ü{row}.jpg" for row in rows]
    assert table["row"].tolist() == rows.tolist()
    assert table["probability of dog"].to_numpy() == pytest.approx(dog, abs=1e-6)
    assert table["probability of cat"].to_numpy() == pytest.approx(1 - dog, abs=1e-6)
    assert table["probability"].to_numpy() == pytest.approx(np.maximum(dog, 1 - dog), abs=1e-6)
    assert table["predicted"].tolist() == np.where(dog > 0.5, "dog", "cat").tolist()
    assert table["reason"].tolist() == [""] * 25
    counts = found.counts()
    # The scores of cat and dog differ by (row % 7 − row % 3 − 1) / 2.
    differences = (rows % 7 - rows % 3 - 1) / 2
    assert counts["photos"].to_dict() == {"cat": int((differences >= 0).sum()), "dog": int((differences < 0).sum())}
    sure = 1 / (1 + np.exp(-np.abs(differences)))
    assert counts.loc["cat", "from 0.6"] == int(((sure >= 0.6) & (sure < 0.7) & (differences >= 0)).sum()) > 0
    assert counts.loc["dog", "from 0.7"] == int(((sure >= 0.7) & (sure < 0.8) & (differences < 0)).sum()) > 0
    assert counts.iloc[:, 1:].to_numpy().sum() == 25
    assert (len(found), found.predicted, found.classes) == (25, 25, ("cat", "dog"))
    found.check()


def test_rows_samples_and_conditions(made):
    found = predict(made / "model", made / "shards")
    assert found.rows([24, 3, 3, 11], ["row", "path"])["row"].tolist() == [24, 3, 3, 11]
    assert found.rows([]).columns.tolist() == found.frame().columns.tolist()
    with pytest.raises(IndexError, match="from 0 to 24"):
        found.rows([25])
    sample = found.sample(25, columns=["row"])["row"].tolist()
    assert sorted(sample) == list(range(25)) != sample
    assert found.sample(7, columns=["row"])["row"].tolist() == sample[:7]
    assert found.sample(7, seed=1, columns=["row"])["row"].tolist() != sample[:7]
    unsure = found.frame(["row"], where=arrow_dataset.field("probability") < 0.6)
    assert unsure["row"].tolist() == np.flatnonzero(np.abs(probabilities_by_hand(np.arange(25)) - 0.5) < 0.1).tolist()
    with pytest.raises(DataError, match="columns must be among those of the data set"):
        found.frame(["size"])


def embed_here(photos, out, *, a_unit, a_shard):
    """Embed photos in this process."""

    def in_this_process(job, units, *, processes, check):
        own = stage.Stage(job.out, threads=torch.get_num_threads())
        yield from (own.run(unit) for unit in units)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engines, "in_processes", in_this_process)
        patched.setattr(plan, "A_UNIT", a_unit)
        patched.setattr(stage, "A_SHARD", a_shard)
        embed(photos, out, backbone=None)


def test_it_predicts_what_the_collection_predicts(tmp_path):
    """The same photos, embedded into shards by the network of the exported model."""
    photos = tmp_path / "photos"
    write_photos(photos, 12)
    with Collection.create(tmp_path / "collection", images=photos, name="noise", backbone=None) as collection:
        collection.prepare()
        collection.label(range(3), "a")
        collection.label(range(3, 6), "b")
        collection.train()
        collection.export_model(tmp_path / "model")
        expected = collection.predictions().set_index("path")
    (network,) = load_learner(tmp_path / "model").extractors
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "driver.lock").touch()  # as of a run that has begun
    save_artifact(tmp_path / "shards" / "extractor", EXTRACTOR_KIND, network.config(), network.tensors())
    embed_here(photos, tmp_path / "shards", a_unit=5, a_shard=5)
    found = predict(tmp_path / "model", tmp_path / "shards").frame()
    assert found["path"].tolist() == [str(photos / path) for path in expected.index]
    assert found["predicted"].tolist() == expected["predicted"].tolist()
    for column in ("probability", "probability of a", "probability of b"):  # of features in half precision
        assert found[column].to_numpy() == pytest.approx(expected[column].to_numpy(), abs=5e-3)


class Brightness:
    """A model for photos: the probability of “bright” is the mean of the first pixel's colours."""

    def predict_files(self, files, *, progress=None):
        from PIL import Image

        from handlens.core.predictions import class_predictions_frame

        del progress
        bright = [sum(Image.open(file).convert("RGB").getpixel((0, 0))) / 765 for file in files]
        p = np.array([[1 - one, one] for one in bright], np.float32).reshape(-1, 2)
        return class_predictions_frame([str(file) for file in files], ["dark", "bright"], p)


def test_a_model_of_photos_reads_those_that_have_not_changed(network, tmp_path, monkeypatch):
    paths = write_photos(tmp_path / "photos", 9)
    (tmp_path / "photos" / "3.jpg").write_bytes(b"not a picture")

    embed_here(tmp_path / "photos", tmp_path / "shards", a_unit=5, a_shard=2)
    save_model(tmp_path / "model", network)
    monkeypatch.setattr(scorers, "load_learner", lambda _folder: Brightness())
    (tmp_path / "photos" / "5.jpg").write_bytes((tmp_path / "photos" / "6.jpg").read_bytes())
    (tmp_path / "photos" / "7.jpg").unlink()
    said = []
    found = predict(tmp_path / "model", tmp_path / "shards", say=said.append)
    assert "reads the original photos, which must be where they were" in said[0]
    del paths[3]
    table = found.frame().set_index("path")
    assert table.index.tolist() == paths
    reasons = {os.path.basename(path): reason for path, reason in table["reason"].items() if reason}
    assert reasons == {"5.jpg": "it has changed since it was embedded", "7.jpg": "No such file or directory"}
    assert table["predicted"].isna().sum() == table["probability of dark"].isna().sum() == 2
    ends = [paths[0], paths[-1]]
    wanted = Brightness().predict_files(ends)
    assert table["probability of bright"][ends].tolist() == wanted["probability of bright"].tolist()
    assert (found.predicted, len(found), int(found.counts()["photos"].sum())) == (6, 8, 6)
    assert set(found.to_check(8)) == set(table.index[table["predicted"].notna()])
    shutil.rmtree(tmp_path / "shards" / "predictions")
    shutil.move(tmp_path / "photos", tmp_path / "elsewhere")
    with pytest.raises(ShardError, match=r"the folder of .* is not there now"):
        predict(tmp_path / "model", tmp_path / "shards")


# --------------------------------------------------------------------------------- interrupted


def test_a_run_goes_on_and_each_photo_is_predicted_once(made):
    cancel = threading.Event()

    def after_two(now):
        if now.units == 2:
            cancel.set()

    with pytest.raises(Cancelled, match="what is predicted stays"):
        predict(made / "model", made / "shards", cancel=cancel, progress=after_two)
    out = made / "shards" / "predictions"
    with pytest.raises(ShardError, match="are not complete"):
        PredictionSet.open(out)
    first = {file: file.stat().st_mtime_ns for file in files_of(out)}
    assert len(first) == 2
    (out / "files" / "000" / ".1234.tmp").touch()
    told = []
    found = predict(made / "model", made / "shards", progress=told.append)
    assert [now.done for now in told] == [20, 25]
    assert found.frame(["row"])["row"].tolist() == list(range(25))
    assert {file: file.stat().st_mtime_ns for file in first} == first
    assert len(list((out / "files" / "000").iterdir())) == 3
    told.clear()
    assert predict(made / "model", made / "shards", progress=told.append).manifest == found.manifest
    assert told == []


def test_a_file_that_is_missing_cut_short_or_of_another_run_is_made_again(made):
    found = predict(made / "model", made / "shards")
    whole = found.frame()
    one, two, three = files_of(found.folder)
    one.unlink()
    os.truncate(two, 100)
    parquet.write_table(parquet.read_table(three).replace_schema_metadata({"handlens": '{"run": "other"}'}), three)
    for row in (0, 10, 20):
        with pytest.raises(ShardError, match=r"missing or damaged.*Remove the file and run the same"):
            found.rows([row])
    with pytest.raises(ShardError, match="missing or damaged"):
        found.check()
    again = predict(made / "model", made / "shards")
    pd.testing.assert_frame_equal(again.frame(), whole)
    again.check()


def test_a_bit_that_flips_is_found(made):
    found = predict(made / "model", made / "shards")
    file = files_of(found.folder)[1]
    data = bytearray(file.read_bytes())
    paths = parquet.read_metadata(file).row_group(0).column(0)
    data[(paths.dictionary_page_offset or paths.data_page_offset) + paths.total_compressed_size - 1] ^= 1
    file.write_bytes(data)
    with pytest.raises(ShardError, match="missing or damaged"):
        found.rows([10])
    with pytest.raises(ShardError, match="missing or damaged"):
        found.frame(["path"])
    with pytest.raises(ShardError, match="not the file that the manifest describes"):
        found.check()


def test_in_a_real_process(made):
    found = predict(made / "model", made / "shards", processes=1)
    assert found.frame(["row"])["row"].tolist() == list(range(25))


# --------------------------------------------------------------------------------- refused


def test_another_model_or_other_shards_are_refused(made, network):
    predict(made / "model", made / "shards")
    save_model(made / "other", network, temperature=1.0)
    with pytest.raises(ShardError, match=r"holds predictions by another model\. Name another folder"):
        predict(made / "other", made / "shards")
    assert len(predict(made / "other", made / "shards", made / "there")) == 25
    manifest = read_manifest(made / "shards")
    write_manifest(made / "shards", replace(manifest, shards=manifest.shards[:2]))
    with pytest.raises(ShardError, match="holds predictions of other shards than those that are in"):
        predict(made / "model", made / "shards")
    with pytest.raises(ShardError, match=r"have changed since the predictions in .* began"):
        Scoring(made / "there")
    write_manifest(made / "shards", replace(manifest, complete=False, shards=()))
    with pytest.raises(ShardError, match="must be complete"):
        predict(made / "model", made / "shards")


def test_what_the_features_do_not_fit_is_refused(made, network, monkeypatch):
    save_model(made / "other", small_network(1))
    with pytest.raises(ShardError, match="with the weights that the shards were made with; its weights are others"):
        predict(made / "other", made / "shards")
    save_model(made / "deep", network, limits={"I;16": (0.0, 4095.0)})
    with pytest.raises(ShardError, match="photos of more than 8 bits in the range of its training"):
        predict(made / "deep", made / "shards")
    manifest = read_manifest(made / "shards")
    write_manifest(made / "shards", replace(manifest, backbone="resnet18"))
    with pytest.raises(ShardError, match="features of resnet18, which are in the shards; it takes those of patches"):
        predict(made / "model", made / "shards")
    write_manifest(made / "shards", replace(manifest, layers=manifest.layers[1:]))
    with pytest.raises(ShardError, match="patches/fine/what are missing"):
        predict(made / "model", made / "shards")
    write_manifest(made / "shards", manifest)
    with pytest.raises(ArtifactError, match="not a saved model"):
        predict(made / "shards", made / "shards")
    monkeypatch.setattr(scorers, "load_learner", lambda _folder: Brightness())
    with pytest.raises(ShardError, match=r"where they are is kept in .*plan, which is missing"):
        predict(made / "model", made / "shards")
    monkeypatch.setattr(Brightness, "predict_files", lambda _self, _files: pd.DataFrame({"path": [], "predicted": []}))
    with pytest.raises(ShardError, match="must predict one class for each photo; it predicts predicted"):
        predict(made / "model", made / "shards")
    monkeypatch.setattr(scorers, "load_learner", lambda _folder: "a table's")
    with pytest.raises(ShardError, match="a model for photos is needed"):
        predict(made / "model", made / "shards")
    assert not (made / "shards" / "predictions" / "manifest.json").exists()


def test_a_damaged_shard_is_said_and_what_is_done_stays(made):
    held = ShardSet.open(made / "shards")
    file = made / "shards" / "shards" / held.manifest.shards[1].name
    data = bytearray(file.read_bytes())
    data[held.shard(1)._head.places["features/patches/fine/what"].start] ^= 1
    del held
    file.write_bytes(data)
    with pytest.raises(ShardError, match=r"000001-0000000.safetensors is damaged"):
        predict(made / "model", made / "shards")
    assert len(files_of(made / "shards" / "predictions")) in (1, 2)


def test_a_manifest_that_is_damaged_or_newer_is_said(made):
    found = predict(made / "model", made / "shards")
    file = found.folder / "manifest.json"
    text = file.read_text()
    content = json.loads(text)
    del content["crc32"]
    for changed, message in (
        (text.replace('"rows": 10', '"rows": 11'), "is damaged"),
        (json.dumps(with_checksum(content | {"version": 2})), "made by a newer handlens"),
        (json.dumps(with_checksum(content | {"format": "other"})), "does not describe predictions"),
        (json.dumps(with_checksum(content | {"classes": ["a", "a"]})), "is damaged"),
        (json.dumps(with_checksum(content | {"files": [content["files"][0] | {"name": "../x.parquet"}]})), "called"),
        (json.dumps(with_checksum(content | {"files": [content["files"][0] | {"rows": -1}]})), "cannot be right"),
        ("{", "is damaged"),
    ):
        file.write_text(changed)
        with pytest.raises(ShardError, match=message):
            PredictionSet.open(found.folder)
    file.unlink()
    with pytest.raises(ShardError, match="does not hold predictions"):
        PredictionSet.open(found.folder)
    (made / "full").mkdir()
    (made / "full" / "note.txt").touch()
    with pytest.raises(ShardError, match="holds other files"):
        predict(made / "model", made / "shards", made / "full")
    with pytest.raises(ShardError, match="it is a file"):
        predict(made / "model", made / "shards", made / "full" / "note.txt")


def test_the_command(made):
    run = CliRunner().invoke
    found = run(app, ["predict", str(made / "model"), str(made / "shards")])
    assert found.exit_code == 0, found.output
    counts = PredictionSet.open(made / "shards" / "predictions").counts()["photos"]
    assert "25 of 25 photos are predicted" in found.output
    assert f"{counts['dog']}  dog" in found.output
    for arguments, message in (
        (["--address", "10.0.0.1:6379"], "--address goes with --engine ray"),
        (["--keep", "size"], "--keep names columns of a table"),
    ):
        refused = run(app, ["predict", str(made / "model"), str(made / "shards"), *arguments])
        assert refused.exit_code == 1
        assert message in " ".join(refused.output.split())
    (made / "photos").mkdir()
    for arguments, message in (
        ([], "--out FILE.csv is required"),
        (["--out", "x.csv", "--threads", "2"], "for shards"),
    ):
        refused = run(app, ["predict", str(made / "model"), str(made / "photos"), *arguments])
        assert refused.exit_code == 1
        assert message in " ".join(refused.output.split())


# --------------------------------------------------------------------------------- audited and certified


def test_attributes_are_joined_by_path_and_audited(made):
    found = predict(made / "model", made / "shards")
    rows = np.array([24, 3, 7, 0, 12])
    table = pd.DataFrame({"path": [f"photos/ü{row}.jpg" for row in rows], "camera": list("ababa")}, index=rows + 100)
    table.loc[900] = ["photos/none.jpg", "b"]
    joined = found.join(table)
    dog = probabilities_by_hand(rows)
    assert joined.index.tolist() == [*(rows + 100), 900]
    assert joined["predicted"].tolist()[:5] == np.where(dog > 0.5, "dog", "cat").tolist()
    assert joined["probability"].to_numpy()[:5] == pytest.approx(np.maximum(dog, 1 - dog), abs=1e-6)
    assert joined.loc[900, ["predicted", "probability"]].isna().all()
    known = joined.dropna()
    audit = subgroups(["cat"] * 5, known["predicted"].astype(str), known["camera"], metrics=["error"])
    wrong = dog > 0.5
    assert audit.frame.set_index("group")["value"].to_dict() == pytest.approx(
        {"all": wrong.mean(), "a": wrong[[0, 2, 4]].mean(), "b": wrong[[1, 3]].mean()}
    )
    for bad, message in (
        (table.rename(columns={"path": "file"}), "must have a column 'path'"),
        (table.assign(predicted=1), "must not have columns of the predictions"),
        (pd.concat([table, table]), "more than once"),
        (table.iloc[5:], "none of the 1 paths of the table"),
        (table.iloc[:0], "must have rows"),
    ):
        with pytest.raises(DataError, match=message):
            found.join(bad)


@pytest.fixture(scope="module")
def many(network, tmp_path_factory):
    """Predictions of 700 photos, which are right but for some of which the model is unsure."""
    folder = tmp_path_factory.mktemp("many")
    save_model(folder / "model", network)
    write_shards(folder / "shards", network, photos=700, a_shard=300)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engines, "in_processes", in_this_process)
        found = predict(folder / "model", folder / "shards")
    table = found.frame(["path", "row", "predicted", "probability"])
    truth = table["predicted"].astype(str).where((table["probability"] > 0.6) | (table["row"] % 2 == 0), "other")
    return found, table, dict(zip(table["path"], truth, strict=True))


def test_certified_labels_are_those_of_the_same_mathematics(many, tmp_path):
    found, table, truth = many
    paths = found.to_check(120)
    assert found.to_check(60) == paths[:60]
    assert len(set(paths)) == 120
    table = table.set_index("path", drop=False)
    checked = table.loc[paths]
    unknown = checked["probability"].idxmin()
    answers = {path: truth[path] for path in paths} | {unknown: None}
    certified = found.certify(answers, error=0.1)
    rest = table[~table["path"].isin(paths)]
    right = [path != unknown and checked.loc[path, "predicted"] == truth[path] for path in paths]
    wanted = pac_labels(
        right,
        checked["probability"].astype(float),
        rest["probability"].astype(float),
        population=700,
        labelled=119,
        error=0.1,
        sure=0.95,
    )
    assert np.flatnonzero(certified.chosen).tolist() == rest["row"][wanted.chosen].tolist()
    assert (certified.bound, certified.sure_from) == (wanted.bound, wanted.threshold)
    assert 0 < len(certified) < 700 - 120
    assert certified.left == 700 - 119 - len(certified)
    assert f"{len(certified):,} photos get the label that the model predicts" in repr(certified)
    certified.write(tmp_path / "labels.parquet")
    labels = pd.read_parquet(tmp_path / "labels.parquet").set_index("path")
    assert labels["origin"].value_counts().to_dict() == {"certified": len(certified), "checked": 119}
    mine = labels[labels["origin"] == "checked"]
    assert mine["label"].to_dict() == {path: label for path, label in answers.items() if label is not None}
    assert mine[["error_at_most", "confidence", "by"]].isna().all(axis=None)
    given = labels[labels["origin"] == "certified"]
    assert given["label"].tolist() == table.loc[given.index, "predicted"].tolist()
    assert set(given["by"]) == {found.manifest.model}
    assert (set(given["error_at_most"]), set(given["confidence"])) == ({0.1}, {0.95})


def test_answers_of_another_draw_are_refused(many):
    found, _, truth = many
    paths = found.to_check(100)
    answers = {path: truth[path] for path in paths}
    fewest = fewest_checks(700, 0, error=0.05, sure=0.95)
    with pytest.raises(DataError, match=rf"at least {fewest} random photos must be checked .* 20 answers arrived"):
        found.certify({path: truth[path] for path in paths[:20]})
    other = next(path for path in truth if path not in answers)
    with pytest.raises(DataError, match=rf"{other}.* arrived, and {paths[-1]!r} has no answer"):
        found.certify({path: truth[path] for path in paths[:-1]} | {other: "cat"})
    with pytest.raises(DataError, match="draws with this seed"):
        found.certify(answers, seed=1)
    with pytest.raises(DataError, match="an answer must be a label"):
        found.certify(answers | {paths[0]: 3})
    with pytest.raises(DataError, match="error must be between"):
        found.certify(answers, error=0)


def test_a_model_that_is_wrong_often_certifies_nothing(many, tmp_path):
    found, _, _ = many
    none = found.certify(dict.fromkeys(found.to_check(100), "other"))
    assert (len(none), none.bound, none.sure_from, none.left) == (0, None, None, 600)
    assert repr(none) == "No label can be certified with at most 5 % of all labels wrong."
    none.write(tmp_path / "labels.parquet")
    assert set(pd.read_parquet(tmp_path / "labels.parquet")["origin"]) == {"checked"}


def test_another_model_draws_other_photos(many, network, tmp_path):
    found, _, _ = many
    save_model(tmp_path / "other", network, classes=("cat", "dog", "cow"))
    other = predict(tmp_path / "other", found.folder.parent, tmp_path / "other predictions")
    assert other.to_check(50) != found.to_check(50)
