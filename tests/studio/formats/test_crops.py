"""Boxes cut out of photos: which pixels they have, what they are called, and what is not cut."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from handlens.errors import CollectionError, PhotoError
from handlens.studio.formats import FoundLabel, FoundLabels, PhotoNames
from handlens.studio.formats.crops import write_crops
from handlens.studio.formats.readers.coco import CocoImporter
from handlens.studio.formats.readers.csv import CsvImporter


def counted(width, height):
    """A picture whose pixels say where they are: red across, green down."""
    down, across = np.mgrid[:height, :width]
    return np.stack([across, down, 0 * down], -1).astype(np.uint8)


@pytest.fixture
def cut(tmp_path):
    """Cut boxes out of photos in a folder; the labels of the crops."""

    def cut(*labels, photos=("a.png",)):
        found = FoundLabels.of("COCO", "labels.json", labels)
        return write_crops(found, PhotoNames(photos), lambda id: tmp_path / photos[id], tmp_path / "crops")

    return cut


def box_of(*box, photo="a.png", label="cat", where="annotation 1", **more):
    return FoundLabel(photo, label, where, box, **more)


def corners(file):
    """The first and the last pixel of a crop, as places in its photo: across, down."""
    pixels = np.asarray(Image.open(file))
    return tuple(map(int, pixels[0, 0, :2])), tuple(map(int, pixels[-1, -1, :2]))


@pytest.mark.parametrize(
    ("box", "first", "last"),
    [
        ((0, 0, 1, 1), (0, 0), (9, 19)),
        ((0.2, 0.1, 0.3, 0.2), (2, 2), (4, 5)),  # whole pixels: 2 to 5 across, 2 to 6 down
        ((0.24, 0.1, 0.3, 0.2), (2, 2), (4, 5)),  # 2.4 to 5.4: the middles 2.5, 3.5 and 4.5
        ((0.26, 0.1, 0.3, 0.2), (3, 2), (5, 5)),  # 2.6 to 5.6: the middles 3.5, 4.5 and 5.5
        ((0.25, 0.1, 0.3, 0.2), (2, 2), (4, 5)),  # 2.5 to 5.5: a middle on the first edge is in, on the last is not
        ((0.95, 0.975, 0.05, 0.025), (9, 19), (9, 19)),  # from the middle of the last pixel
    ],
)
def test_a_crop_has_the_pixels_whose_middle_lies_in_the_box(cut, tmp_path, box, first, last):
    Image.fromarray(counted(10, 20)).save(tmp_path / "a.png")
    found = cut(box_of(*box))
    assert found.labels["photo"].tolist() == ["a 1.png"]
    assert corners(tmp_path / "crops/a 1.png") == (first, last)


def test_boxes_in_whole_pixels_are_cut_exactly(tmp_path):
    """Shares of odd sizes are not exact, the pixels are."""
    Image.fromarray(counted(97, 89)).save(tmp_path / "a.png")
    boxes = [(x, y, width, 89 - y - x % 3) for x in range(0, 90, 7) for y in (0, 13, 31) for width in (1, 3, 7)]
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": 97, "height": 89}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": i, "image_id": 1, "category_id": 1, "bbox": box} for i, box in enumerate(boxes)],
    }
    pd.Series(document).to_json(tmp_path / "labels.json")
    found = CocoImporter().read(tmp_path / "labels.json", PhotoNames([]))
    write_crops(found, PhotoNames(["a.png"]), lambda _: tmp_path / "a.png", tmp_path / "crops")
    for i, (x, y, width, height) in enumerate(boxes, 1):
        assert corners(tmp_path / f"crops/a {i}.png") == ((x, y), (x + width - 1, y + height - 1))


def test_neighbouring_boxes_share_no_pixel_and_leave_none_out(cut, tmp_path):
    Image.fromarray(counted(10, 20)).save(tmp_path / "a.png")
    edges = [0, 0.13, 0.35, 0.351, 0.55, 0.97, 1]
    cut(*(box_of(start, 0, end - start, 1) for start, end in pairwise(edges)))
    across = [np.asarray(Image.open(file))[0, :, 0] for file in (tmp_path / "crops").glob("*.png")]
    assert sorted(np.concatenate(across)) == [*range(10)]


def test_labels_csv_says_what_crops_show_and_can_be_imported(cut, tmp_path):
    Image.fromarray(counted(10, 20)).save(tmp_path / "a.png")
    label = 'a, "b"\n=1+1'
    at = pd.Timestamp("2024-05-01", tz="UTC")
    found = cut(
        box_of(0, 0, 1, 1, label=label, by="ann", at=at), box_of(0, 0, 1, 0.5, where="annotation 2", label=None)
    )
    assert (found.title, found.name) == ("COCO", "labels.json")
    assert found.labels[["photo", "label", "where", "by", "at"]].astype(object).values.tolist() == [
        ["a 1.png", label, "annotation 1", "ann", at],
        ["a 2.png", None, "annotation 2", None, pd.NaT],
    ]
    assert found.labels["x"].isna().all()
    again = CsvImporter().read(tmp_path / "crops/labels.csv", PhotoNames(["a 1.png", "a 2.png"]))
    assert again.labels[["photo", "label"]].values.tolist() == [["a 1.png", label], ["a 2.png", None]]


def test_names_are_unique_and_those_that_every_system_takes(cut, tmp_path):
    photos = ("x/a.png", "x/a.jpg", "A.png", "labels.csv.png", "aux.png", "x/a:b.png", "y/a.png")
    for photo in photos:
        (tmp_path / photo).parent.mkdir(exist_ok=True)
        Image.fromarray(counted(4, 4)).save(tmp_path / photo)
    found = cut(
        *(box_of(0, 0, 1, 1, photo=photo) for photo in photos), box_of(0, 0, 1, 1, photo="x/a.png"), photos=photos
    )
    names = found.labels["photo"].tolist()
    assert names == [
        "x/a 1.png",
        "x/a 2.png",
        "x/a 1 2.png",
        "A 1.png",
        "labels.csv 1.png",
        "aux 1.png",
        "x/a_b 1.png",
        "y/a 1.png",
    ]
    assert {path.relative_to(tmp_path / "crops").as_posix() for path in (tmp_path / "crops").rglob("*.*")} == {
        *names,
        "labels.csv",
    }


def test_a_photo_is_cut_as_a_person_sees_it(cut, tmp_path):
    """Turned by its EXIF block, and in RGB."""
    turned = Image.fromarray(counted(20, 10)[..., 0])
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right: its first column is the first row then, from its end
    turned.save(tmp_path / "a.png", exif=exif)
    cut(box_of(0, 0.1, 1, 0.1, picture=(10, 20)))
    crop = np.asarray(Image.open(tmp_path / "crops/a 1.png"))
    assert crop.shape == (2, 10, 3)
    assert crop[:, 0].tolist() == [[2] * 3, [3] * 3]


@pytest.mark.parametrize(
    ("picture", "is_it"),
    [
        (None, True),
        ((10, 20), True),
        ((100, 200), True),  # the photo is the same picture, smaller
        ((1, 2), True),
        ((97, 195), True),  # rounded: 97.5 to 195
        ((20, 10), False),  # not turned upright
        ((20, 20), False),
        ((640, 480), False),
        ((1e9, 1e6), False),
    ],
)
def test_a_box_that_was_drawn_on_a_picture_with_sides_of_another_ratio_is_listed(cut, tmp_path, picture, is_it):
    Image.fromarray(counted(10, 20)).save(tmp_path / "a.png")
    found = cut(box_of(0, 0, 1, 1, picture=picture))
    assert len(found.labels) == is_it
    if not is_it:
        width, height = picture
        assert found.problems.values.tolist() == [
            [
                "annotation 1",
                f"the box was drawn on a picture of {width:g}×{height:g} pixels, and the photo, 10×20, has sides of "
                "another ratio",
            ]
        ]


def test_what_cannot_be_cut_is_listed_and_the_rest_is_cut(cut, tmp_path):
    photos = ("a.png", "bad.png", "gone.png", "x/a.png")
    Image.fromarray(counted(10, 20)).save(tmp_path / "a.png")
    (tmp_path / "bad.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    found = cut(
        box_of(0, 0, 1, 1, photo="unknown.png", where="1"),
        box_of(0, 0, 1, 1, photo="gone.png", where="2"),
        box_of(0, 0, 1, 1, photo="bad.png", where="3"),
        box_of(0.1, 0, 0.1 / 3, 1, where="4"),  # from 1 to 1.33, without the middle 1.5
        box_of(0, 0, 1, 1, where="5"),
        FoundLabel("a.png", "whole", "6"),
        photos=photos,
    )
    assert found.labels[["photo", "where"]].values.tolist() == [["a 2.png", "5"]]
    assert found.problems.values.tolist() == [
        ["1", "no photo has this name"],
        ["4", "no pixel's middle lies in the box"],
        ["3", "the photo cannot be read: truncated: the end of the file is missing"],
        ["2", "the photo cannot be read: there is no such file"],
    ]


def test_a_photo_outside_of_its_folder_is_listed(tmp_path):
    def refuse(_):
        raise PhotoError("it is outside the folder of photos")

    found = FoundLabels.of("COCO", "labels.json", [box_of(0, 0, 1, 1)])
    crops = write_crops(found, PhotoNames(["a.png"]), refuse, tmp_path / "crops")
    assert crops.problems["reason"].tolist() == ["the photo cannot be read: it is outside the folder of photos"]
    assert crops.labels.empty


def test_work_that_is_ended_writes_nothing(tmp_path):
    Image.fromarray(counted(10, 20)).save(tmp_path / "a.png")
    found = FoundLabels.of("COCO", "labels.json", [box_of(0, 0, 1, 1), box_of(0, 0, 1, 1, photo="b.png")])
    steps = []

    def report(done, total):
        steps.append((done, total))
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_crops(
            found, PhotoNames(["a.png", "b.png"]), lambda _: tmp_path / "a.png", tmp_path / "crops", report=report
        )
    assert steps == [(0, 2), (1, 2)]
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_folder_with_something_in_it_and_labels_without_boxes_are_refused(cut, tmp_path):
    with pytest.raises(
        CollectionError, match=r"^labels\.json must have boxes to cut out; it has labels of whole photos"
    ):
        cut(FoundLabel("a.png", "cat", "1"))
    with pytest.raises(CollectionError, match="must have boxes"):
        cut()
    (tmp_path / "crops").mkdir()
    Path(tmp_path / "crops/x").touch()
    with pytest.raises(CollectionError, match=r"^crops need a new or an empty folder; .*crops is there"):
        cut(box_of(0, 0, 1, 1))
