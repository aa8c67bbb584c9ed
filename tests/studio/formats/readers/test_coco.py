"""COCO files: categories of photos and of boxes; and files that are not quite COCO."""

from __future__ import annotations

import contextlib
import io
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlens.errors import ImportProblem
from handlens.studio.formats import PhotoNames
from handlens.studio.formats.readers.coco import CocoImporter


def written(tmp_path, images=None, annotations=(), categories=({"id": 1, "name": "cat"},), *, name="labels.json"):
    images = [{"id": 7, "file_name": "a.jpg", "width": 100, "height": 50}] if images is None else images
    document = {"images": images, "annotations": list(annotations), "categories": list(categories)}
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document))
    return file


def test_an_annotation_without_a_box_is_about_the_photo_and_one_with_a_box_about_that(tmp_path, rows, problems):
    annotations = [
        {"id": 3, "image_id": 7, "category_id": 1},
        {"id": 4, "image_id": 7, "category_id": 1, "bbox": [10, 20, 30, 25]},
        {"id": 5, "image_id": 7, "category_id": 1, "bbox": []},
    ]
    file = written(tmp_path, annotations=annotations)
    assert rows(CocoImporter(), file) == [
        ("a.jpg", "cat", "annotation 3"),
        ("a.jpg", "cat", "annotation 4", (0.1, 0.4, 0.3, 0.5)),
        ("a.jpg", "cat", "annotation 5"),
    ]
    assert problems(CocoImporter(), file) == []
    table = CocoImporter().read(file, PhotoNames([])).labels
    assert table.loc[1, ["picture_width", "picture_height"]].tolist() == [100, 50]


def test_a_photo_may_have_several_categories(tmp_path, rows):
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    annotations = [{"id": 1, "image_id": 7, "category_id": 1}, {"id": 2, "image_id": 7, "category_id": 2}]
    file = written(tmp_path, annotations=annotations, categories=categories)
    assert rows(CocoImporter(), file) == [("a.jpg", "cat", "annotation 1"), ("a.jpg", "dog", "annotation 2")]


def test_ids_may_be_text_or_whole_numbers_with_a_point(tmp_path, rows):
    images = [{"id": "x", "file_name": "a.jpg"}, {"id": 2.0, "file_name": "b.jpg"}]
    annotations = [{"image_id": "x", "category_id": 1.0}, {"id": "y", "image_id": 2, "category_id": 1}]
    file = written(tmp_path, images, annotations)
    assert rows(CocoImporter(), file) == [
        ("a.jpg", "cat", "annotation number 1"),
        ("b.jpg", "cat", "annotation number 2"),
    ]


ANNOTATION = {"id": 9, "image_id": 7, "category_id": 1}


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        (ANNOTATION | {"category_id": 5}, "category 5 has no name in the file"),
        (ANNOTATION | {"image_id": 8}, "image 8 is not among the images of the file"),
        (ANNOTATION | {"image_id": True}, "an id must be a number or text; True arrived"),
        (ANNOTATION | {"category_id": [1]}, "an id must be a number or text; [1] arrived"),
        (ANNOTATION | {"bbox": [1, 2, 3]}, "its box must have x, y, width and height; [1, 2, 3] arrived"),
        (ANNOTATION | {"bbox": "1 2 3 4"}, "its box must have x, y, width and height; '1 2 3 4' arrived"),
        (ANNOTATION | {"bbox": [1, 2, 0, 4]}, "its box must be wider and higher than 0; 0×4 arrived"),
        (ANNOTATION | {"bbox": [1, 2, 3, -4]}, "its box must be wider and higher than 0; 3×-4 arrived"),
        (ANNOTATION | {"bbox": [90, 2, 12, 4]}, "its box must lie in the picture; [90, 2, 12, 4] reaches out of it"),
        (ANNOTATION | {"bbox": [-5, 2, 12, 4]}, "its box must lie in the picture; [-5, 2, 12, 4] reaches out of it"),
        (
            ANNOTATION | {"bbox": [float("nan"), 2, 12, 4]},
            "each number of its box must be a number, and a finite one; nan arrived",
        ),
        (
            ANNOTATION | {"bbox": [1, 2, float("inf"), 4]},
            "each number of its box must be a number, and a finite one; inf arrived",
        ),
        (ANNOTATION | {"bbox": [1e200, 2, 1e200, 4]}, "its box must lie in the picture; [1e+200, 2, 1e+200, 4] "
                                                     "reaches out of it"),
    ],
)  # fmt: skip
def test_an_annotation_that_cannot_be_used_is_listed(tmp_path, rows, problems, annotation, reason):
    file = written(tmp_path, annotations=[ANNOTATION, annotation])
    assert rows(CocoImporter(), file) == [("a.jpg", "cat", "annotation 9")]
    assert problems(CocoImporter(), file) == [("annotation 9", reason)]


def test_a_number_of_hundreds_of_digits_is_listed(tmp_path, problems):
    file = written(tmp_path, annotations=[ANNOTATION | {"bbox": [10**400, 2, 3, 4]}])
    ((_, reason),) = problems(CocoImporter(), file)
    assert reason.startswith("each number of its box must be a number, and a finite one; 1000")


@pytest.mark.parametrize(
    ("width", "height", "reason"),
    [
        (0, 50, "the picture's width and height must be more than 0; 0×50 arrived"),
        (100, -1, "the picture's width and height must be more than 0; 100×-1 arrived"),
        (None, 50, "the picture's width must be a number, and a finite one; None arrived"),
        (100, "50", "the picture's height must be a number, and a finite one; '50' arrived"),
    ],
)
def test_a_box_in_a_picture_of_no_size_is_listed(tmp_path, rows, problems, width, height, reason):
    images = [{"id": 7, "file_name": "a.jpg", "width": width, "height": height}]
    file = written(tmp_path, images, [ANNOTATION, ANNOTATION | {"id": 10, "bbox": [1, 2, 3, 4]}])
    assert rows(CocoImporter(), file) == [("a.jpg", "cat", "annotation 9")]
    assert problems(CocoImporter(), file) == [("annotation 10", reason)]


def test_a_box_that_reaches_out_by_less_than_a_hundredth_is_cut(tmp_path, rows):
    file = written(tmp_path, annotations=[ANNOTATION | {"bbox": [-0.5, 40, 100.5, 10.5]}])
    ((_, _, _, box),) = rows(CocoImporter(), file)
    assert box == pytest.approx((0, 0.8, 1, 0.2))


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ({"id": 1, "file_name": "../../etc/passwd"}, "'../../etc/passwd' leads out of the folder"),
        ({"id": 1, "file_name": "a\\..\\..\\b.jpg"}, r"'a\\..\\..\\b.jpg' leads out of the folder"),
        ({"id": 1, "file_name": " "}, "it names no photo"),
        ({"id": 1, "file_name": "a\0.jpg"}, r"the photo's name must be a path; 'a\x00.jpg' arrived"),
        ({"id": 1, "file_name": 5}, "the photo's name must be text; 5 arrived"),
        ({"id": 1}, "the photo's name must be text; None arrived"),
        ({"file_name": "b.jpg"}, "an id must be a number or text; None arrived"),
        ("b.jpg", "an entry must be a JSON object; 'b.jpg' arrived"),
        ({"id": 1, "file_name": "\ud800.jpg"}, r"the photo's name must be text; '\ud800.jpg', which has half a "
                                              "character, arrived"),
    ],
)  # fmt: skip
def test_an_image_that_cannot_be_used_is_listed(tmp_path, rows, problems, image, reason):
    images = [image, {"id": 7, "file_name": "a.jpg"}]
    file = written(tmp_path, images, [ANNOTATION])
    assert rows(CocoImporter(), file) == [("a.jpg", "cat", "annotation 9")]
    assert problems(CocoImporter(), file) == [("image number 1", reason)]


def test_a_category_whose_name_is_not_text_is_listed_and_so_are_its_annotations(tmp_path, rows, problems):
    categories = [{"id": 1, "name": 5}, {"id": 2}, {"id": 3, "name": "cat"}]
    file = written(tmp_path, annotations=[ANNOTATION, ANNOTATION | {"category_id": 3}], categories=categories)
    assert rows(CocoImporter(), file) == [("a.jpg", "cat", "annotation 9")]
    assert problems(CocoImporter(), file) == [
        ("category number 1", "its name must be text; 5 arrived"),
        ("category number 2", "its name must be text; None arrived"),
        ("annotation 9", "category 1 has no name in the file"),
    ]


def test_of_two_categories_or_images_of_one_id_none_is_used(tmp_path, rows, problems):
    categories = [{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}, {"id": 2, "name": "cow"}]
    images = [{"id": 7, "file_name": "a.jpg"}, {"id": 7, "file_name": "b.jpg"}, *[{"id": 8, "file_name": "c.jpg"}] * 2]
    annotations = [
        {"id": 1, "image_id": 8, "category_id": 1},
        {"id": 2, "image_id": 7, "category_id": 2},
        {"id": 3, "image_id": 8, "category_id": 2},
    ]
    file = written(tmp_path, images, annotations, categories)
    assert rows(CocoImporter(), file) == [("c.jpg", "cow", "annotation 3")]
    assert problems(CocoImporter(), file) == [
        ("image number 2", "another one has the id 7 too, and neither is used"),
        ("category number 2", "another one has the id 1 too, and neither is used"),
        ("annotation 1", "category 1 has no name in the file"),
        ("annotation 2", "image 7 is not among the images of the file"),
    ]


def test_a_million_categories_are_read(tmp_path, rows):
    categories = [{"id": i, "name": f"c{i}"} for i in range(1_000_000)]
    file = written(tmp_path, annotations=[ANNOTATION | {"category_id": 999_999}], categories=categories)
    assert rows(CocoImporter(), file) == [("a.jpg", "c999999", "annotation 9")]


DOCUMENT = {"images": [{"id": 1, "file_name": "ä.jpg"}], "annotations": [], "categories": []}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_files_in_unicode_are_read(tmp_path, rows, encoding):
    document = DOCUMENT | {
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1}],
        "categories": [{"id": 1, "name": "Käfer"}],
    }
    file = tmp_path / "labels.json"
    file.write_bytes(json.dumps(document, ensure_ascii=False).encode(encoding))
    assert rows(CocoImporter(), file) == [("ä.jpg", "Käfer", "annotation 1")]
    assert encoding == "utf-32" or CocoImporter().recognises(file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value"),
        (b"photo,label\na.jpg,cat\n", "Expecting value"),
        (b'{"images": [', "Expecting value"),
        (b"\x89PNG\r\n\x1a\n", "it must be text in utf-8; its byte 1 is not. Save it again as UTF-8"),
        (json.dumps(DOCUMENT, ensure_ascii=False).encode("latin-1"), "it must be text in utf-8; its byte 37 is not"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"images": ' + b'{"a": ' * 100_000, "it is nested too deeply"),
        (b'{"images": [], "images": []}', "the key 'images' is there twice"),
        (b'{"images": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
        (b"[" + b"[]," * 20_000_000 + b"[]]", "it must hold at most 20,000,000 values; it seems to hold 40,000,002"),
    ],
)
def test_a_file_that_is_not_json_or_too_much_of_it_is_refused(tmp_path, content, reason):
    file = tmp_path / "labels.json"
    file.write_bytes(content)
    with pytest.raises(ImportProblem, match=r"^labels.json must be a file of JSON: ") as caught:
        CocoImporter().read(file, PhotoNames([]))
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "document", [[], {}, 5, None, {"images": []}, DOCUMENT | {"images": {}}, DOCUMENT | {"categories": None}]
)
def test_json_of_another_kind_is_refused(tmp_path, document):
    file = tmp_path / "labels.json"
    file.write_text(json.dumps(document))
    with pytest.raises(ImportProblem, match=r"^labels.json must be a COCO file, a JSON object with the lists images"):
        CocoImporter().read(file, PhotoNames([]))


def test_what_is_recognised(tmp_path, format_of):
    file = written(tmp_path)
    assert format_of(file) == "coco"
    assert format_of(tmp_path) == "coco"
    for content in (b"", b"[]", b'{"images": 1}', b"images annotations categories", b"\xff\xfe"):
        file.write_bytes(content)
        assert not CocoImporter().recognises(file)
    assert not CocoImporter().recognises(tmp_path / "gone.json")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.json")
        assert not CocoImporter().recognises(tmp_path / "pipe.json")
    assert not CocoImporter().recognises(tmp_path)


def test_the_files_in_a_folder_are_read_together(tmp_path, rows):
    written(tmp_path, annotations=[ANNOTATION], name="train/_annotations.coco.json")
    written(tmp_path, [{"id": 7, "file_name": "b.jpg"}], [ANNOTATION], name="valid/_annotations.coco.json")
    (tmp_path / "other.json").write_text("{}")
    assert rows(CocoImporter(), tmp_path) == [
        ("a.jpg", "cat", "train/_annotations.coco.json, annotation 9"),
        ("b.jpg", "cat", "valid/_annotations.coco.json, annotation 9"),
    ]


def test_a_folder_without_such_files_is_refused(tmp_path):
    with pytest.raises(ImportProblem, match="must hold a COCO file"):
        CocoImporter().read(tmp_path, PhotoNames([]))


def test_there_is_nothing_to_choose(tmp_path):
    with pytest.raises(ImportProblem, match="importing COCO offers no choices; label_column arrived"):
        CocoImporter().read(written(tmp_path), PhotoNames([]), label_column="x")


def by_the_library(file):
    """The statements of a file as pycocotools reads them."""
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(file))
    found = []
    for annotation in coco.loadAnns(coco.getAnnIds()):
        (image,) = coco.loadImgs(annotation["image_id"])
        (category,) = coco.loadCats(annotation["category_id"])
        x, y, width, height = annotation["bbox"]
        box = (x / image["width"], y / image["height"], width / image["width"], height / image["height"])
        found.append((image["file_name"], category["name"], f"annotation {annotation['id']}", box))
    return found


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@settings(max_examples=50, deadline=None)
@given(
    names=st.lists(NAMES, min_size=1, max_size=4),
    boxes=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 60), st.integers(0, 30), st.integers(1, 40), st.integers(1, 20)),
        max_size=6,
    ),
)
def test_files_say_what_pycocotools_reads_in_them(tmp_path_factory, names, boxes):
    images = [{"id": i, "file_name": f"photo {i}.jpg", "width": 100, "height": 50} for i in range(4)]
    categories = [{"id": i, "name": name} for i, name in enumerate(names)]
    annotations = [
        {"id": i, "image_id": photo, "category_id": i % len(names), "bbox": box}
        for i, (photo, *box) in enumerate(boxes, 1)
    ]
    file = written(tmp_path_factory.mktemp("coco"), images, annotations, categories)
    table = CocoImporter().read(file, PhotoNames([])).labels
    boxes = map(tuple, table[["x", "y", "width", "height"]].to_numpy())
    found = zip(table["photo"], table["label"], table["where"], boxes, strict=True)
    assert list(found) == by_the_library(file)
