"""YOLO data sets: class folders in splits; text files of boxes with lists of names."""

from __future__ import annotations

import pytest

from handlens.errors import ImportProblem
from handlens.studio.formats import PhotoNames
from handlens.studio.formats.readers.yolo import YoloImporter


def files(folder, **contents):
    """Write files, whose names are given with __ for / and _dot_ for a point."""
    for name, content in contents.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


# --- classification ------------------------------------------------------------------------------


def test_class_folders_in_splits(tmp_path, rows, problems, format_of):
    files(
        tmp_path,
        train__cat__1_dot_jpg="",
        train__cat__deep__2_dot_PNG="",
        val__Käfer__1_dot_jpg="",
        test__no__3_dot_jpg="",
        other__4_dot_jpg="",
        train__cat__notes_dot_txt="",
        train__cat___dot_hidden_dot_jpg="",
    )
    assert format_of(tmp_path) == "yolo"
    assert rows(YoloImporter(), tmp_path) == [
        ("train/cat/1.jpg", "cat", "train/cat/1.jpg"),
        ("train/cat/deep/2.PNG", "cat", "train/cat/deep/2.PNG"),
        ("val/Käfer/1.jpg", "Käfer", "val/Käfer/1.jpg"),
        ("test/no/3.jpg", "no", "test/no/3.jpg"),
    ]
    assert problems(YoloImporter(), tmp_path) == [
        ("other", "its photos are not read, as it is not called train, val, valid, validation, test")
    ]


def test_folders_by_label_that_studio_wrote_are_no_splits(tmp_path, format_of):
    files(tmp_path, train__x__1_dot_jpg="", renamed_dot_csv="path,label,name\nx/1.jpg,train,train/x/1.jpg\n")
    assert format_of(tmp_path) == "folders"


def test_a_photo_in_no_class_folder_is_listed(tmp_path, rows, problems):
    files(tmp_path, train__cat__1_dot_jpg="", val__2_dot_jpg="")
    assert rows(YoloImporter(), tmp_path) == [("train/cat/1.jpg", "cat", "train/cat/1.jpg")]
    assert problems(YoloImporter(), tmp_path) == [("val/2.jpg", "it is in no class folder")]


def test_labels_csv_of_studio_says_labels_that_no_folder_can_be_called(tmp_path, rows):
    files(
        tmp_path,
        train__a_b__1_dot_png="",
        train__a_b__2_dot_png="",
        labels_dot_csv='name,path,label,origin\ntrain/a_b/1.png,x/1?.png,"a/b, c",hand\n',
    )
    assert rows(YoloImporter(), tmp_path) == [
        ("x/1?.png", "a/b, c", "train/a_b/1.png"),
        ("train/a_b/2.png", "a_b", "train/a_b/2.png"),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"name,path,label\n\xff", "it must be text in UTF-8; its byte 17 is not. Save it again as UTF-8"),
        (b'name,path,label\n"x', "unexpected end of data"),
    ],
)
def test_labels_csv_that_cannot_be_read_is_listed(tmp_path, rows, problems, content, reason):
    files(tmp_path, train__a__1_dot_png="", labels_dot_csv=content)
    assert rows(YoloImporter(), tmp_path) == [("train/a/1.png", "a", "train/a/1.png")]
    assert problems(YoloImporter(), tmp_path) == [("labels.csv", reason)]


def test_links_out_of_the_folder_are_not_followed(tmp_path, rows):
    files(tmp_path, data__train__cat__1_dot_jpg="", outside__dog__2_dot_jpg="")
    (tmp_path / "data/train/dog").symlink_to(tmp_path / "outside/dog")
    (tmp_path / "data/val").symlink_to(tmp_path / "outside")
    assert rows(YoloImporter(), tmp_path / "data") == [("train/cat/1.jpg", "cat", "train/cat/1.jpg")]


def test_folders_of_classes_alone_are_of_another_format(tmp_path, format_of):
    files(tmp_path, cat__1_dot_jpg="", dog__2_dot_jpg="")
    assert not YoloImporter().recognises(tmp_path)
    assert format_of(tmp_path) == "folders"
    with pytest.raises(ImportProblem, match="must be a YOLO data set: class folders in folders such as train and val"):
        YoloImporter().read(tmp_path, PhotoNames([]))


# --- detection -----------------------------------------------------------------------------------

NAMES = "names:\n  0: cat\n  1: no\n  2: 007\n"


def test_boxes_by_data_yaml(tmp_path, rows, problems, format_of):
    files(
        tmp_path,
        data_dot_yaml=f"train: images/train\nval: images/val\n{NAMES}",
        images__train__1_dot_jpg="",
        labels__train__1_dot_txt="0 0.5 0.5 0.25 0.5\n\n1 0.125 0.25 0.25 0.5\r\n",
        images__val__2_dot_jpg="",
        labels__val__2_dot_txt="",
        images__val__3_dot_jpg="",
    )
    expected = [
        ("images/train/1.jpg", "cat", "labels/train/1.txt line 1", (0.375, 0.25, 0.25, 0.5)),
        ("images/train/1.jpg", "no", "labels/train/1.txt line 3", (0.0, 0.0, 0.25, 0.5)),
        ("images/val/2.jpg", None, "labels/val/2.txt"),
    ]
    for path in (tmp_path, tmp_path / "data.yaml"):
        assert format_of(path) == "yolo"
        assert rows(YoloImporter(), path) == expected
        assert problems(YoloImporter(), path) == []


def test_outlines_become_the_boxes_around_them(tmp_path, rows):
    outline = "0 0.5 0.25 0.75 0.5 0.5 0.75 0.25 0.5"
    files(tmp_path, data_dot_yaml=NAMES, labels__1_dot_txt=f"{outline}\n2 0.25 0.5 0.5 0.25 0.5 0.75\n")
    assert rows(YoloImporter(), tmp_path) == [
        ("1", "cat", "labels/1.txt line 1", (0.25, 0.25, 0.5, 0.5)),
        ("1", "007", "labels/1.txt line 2", (0.25, 0.25, 0.25, 0.5)),
    ]


def test_a_fifth_number_is_how_sure_a_model_is_and_poses_have_points_after_their_box(tmp_path, rows):
    files(tmp_path, data_dot_yaml=NAMES, labels__1_dot_txt="0 0.5 0.5 0.5 0.5 0.9")
    assert rows(YoloImporter(), tmp_path) == [("1", "cat", "labels/1.txt line 1", (0.25, 0.25, 0.5, 0.5))]
    files(tmp_path, data_dot_yaml=f"kpt_shape: [1, 2]\n{NAMES}", labels__1_dot_txt="0 0.5 0.5 0.5 0.5 0.9 0.1")
    assert rows(YoloImporter(), tmp_path) == [("1", "cat", "labels/1.txt line 1", (0.25, 0.25, 0.5, 0.5))]


def test_names_in_a_list_or_in_classes_txt_are_taken_as_they_are_written(tmp_path, rows, format_of):
    files(tmp_path, x__data_dot_yaml="names: [yes, 1.0, ~, 'a: b']", x__labels__1_dot_txt="".join(
        f"{i} .5 .5 1 1\n" for i in range(4)
    ))  # fmt: skip
    assert [row[1] for row in rows(YoloImporter(), tmp_path / "x")] == ["yes", "1.0", "~", "a: b"]
    files(tmp_path, y__classes_dot_txt=" cat \r\nno\n", y__a_dot_png="", y__a_dot_txt="1 .5 .5 1 1\n0 .5 .5 1 1")
    assert format_of(tmp_path / "y") == "yolo"
    assert rows(YoloImporter(), tmp_path / "y") == [
        ("a.png", "no", "a.txt line 1", (0, 0, 1, 1)),
        ("a.png", " cat ", "a.txt line 2", (0, 0, 1, 1)),
    ]


def test_a_photo_that_is_not_in_the_folder_is_named_without_the_folder_of_the_labels(tmp_path, rows):
    files(tmp_path, data_dot_yaml=NAMES, train__labels__1_dot_txt="0 .5 .5 1 1")
    assert rows(YoloImporter(), tmp_path)[0][0] == "train/1"


@pytest.mark.parametrize(
    ("photos", "name"),
    [
        (("train/cat/1.jpg", "1.jpg"), "train/cat/1.jpg"),
        (("cat/1.jpg", "dog/1.jpg"), "train/cat/1.jpg"),
        (("raw/1.jpg",), "1.jpg"),
        (("raw/1.jpg", "other/1.jpg"), "train/cat/1.jpg"),
    ],
)
def test_the_folders_of_parts_and_classes_may_be_none_of_the_photos_own(tmp_path, rows, photos, name):
    files(tmp_path, train__cat__1_dot_jpg="")
    assert rows(YoloImporter(), tmp_path, photos) == [(name, "cat", "train/cat/1.jpg")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("7 .5 .5 1 1", "class 7 has no name in the list of names"),
        ("-1 .5 .5 1 1", "class -1 has no name in the list of names"),
        ("cat .5 .5 1 1", "a line must have a class and numbers; 'cat .5 .5 1 1' arrived"),
        ("0 .5 .5 1", "a line must have a class and 4 numbers, or 3 corners or more; '0 .5 .5 1' arrived"),
        ("0", "a line must have a class and 4 numbers, or 3 corners or more; '0' arrived"),
        ("0 .5 .5 nan 1", "each number of its box must be a number, and a finite one; nan arrived"),
        ("0 .5 .5 1e999 1", "each number of its box must be a number, and a finite one; -inf arrived"),
        ("0 5 .5 1 1", "its box must lie in the picture; [4.5, 0.0, 1.0, 1.0] reaches out of it"),
        ("0 320 240 64 48", "its box must lie in the picture; [288.0, 216.0, 64.0, 48.0] reaches out of it"),
        ("0 .5 .5 0 1", "its box must be wider and higher than 0; 0×1 arrived"),
        ("9" * 5000 + " .5 .5 1 1", None),
    ],
)
def test_a_line_that_cannot_be_used_is_listed(tmp_path, rows, problems, line, reason):
    files(tmp_path, data_dot_yaml=NAMES, labels__1_dot_txt=f"0 .5 .5 1 1\n{line}\n")
    assert rows(YoloImporter(), tmp_path) == [("1", "cat", "labels/1.txt line 1", (0, 0, 1, 1))]
    ((where, found),) = problems(YoloImporter(), tmp_path)
    assert where == "labels/1.txt line 2"
    assert found == reason or (reason is None and found.startswith("a line must have a class and numbers; '9999"))


def test_a_text_file_that_cannot_be_read_is_listed(tmp_path, rows, problems):
    files(
        tmp_path,
        data_dot_yaml=NAMES,
        labels__1_dot_txt=b"0 .5 .5 1 1 \xff",
        labels__2_dot_txt=b"0 " * 2**23 + b"0",
        labels__3_dot_txt="0 .5 .5 1 1".encode("utf-16"),
        images__4_dot_png="",
        images__4_dot_jpg="",
        labels__4_dot_txt="0 .5 .5 1 1",
    )
    outside = tmp_path.parent / f"{tmp_path.name}.txt"
    outside.write_text("0 .5 .5 1 1")
    (tmp_path / "labels/5.txt").symlink_to(outside)
    assert rows(YoloImporter(), tmp_path) == [("3", "cat", "labels/3.txt line 1", (0, 0, 1, 1))]
    found = dict(problems(YoloImporter(), tmp_path))
    several = found.pop("labels/4.txt")
    assert sorted(several.removeprefix("several pictures have its name: ").split(", ")) == [
        "images/4.jpg",
        "images/4.png",
    ]
    assert found == {
        "labels/1.txt": "it must be text in UTF-8; its byte 13 is not. Save it again as UTF-8",
        "labels/2.txt": "it must have at most 16 MB; it has more",
        "labels/5.txt": "'labels/5.txt' leads out of the folder",
    }


def test_folders_that_data_yaml_names_are_not_left(tmp_path, rows, problems):
    settings = "path: /data/sets\ntrain: ../train/images\nval: [images/val, ../x]\ntest:\n"
    files(tmp_path, data_dot_yaml=settings + NAMES, labels__1_dot_txt="0 .5 .5 1 1")
    assert len(rows(YoloImporter(), tmp_path)) == 1
    assert problems(YoloImporter(), tmp_path) == [
        ("data.yaml path", "'/data/sets' leads out of the folder; only what is in the folder is read"),
        ("data.yaml train", "'../train/images' leads out of the folder; only what is in the folder is read"),
        ("data.yaml val", "'../x' leads out of the folder; only what is in the folder is read"),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"names: [", "it must be YAML; while parsing a flow node"),
        (b"names: 5", "its names must be a list, or numbers with names; '5' arrived"),
        (b"names: {cat: 0}", "invalid literal for int"),
        (b"names: " + b"[" * 20_000, "it is nested too deeply"),
        (b"names: [\xff]", "it must be text in UTF-8; its byte 9 is not. Save it again as UTF-8"),
        (b"names:\n" + b"".join(b"- c%d\n" % i for i in range(1_000_000)), "it must have at most 2 MB; it has more"),
        (b"- names:", "it must hold names with values; [{'names': ''}] arrived"),
        (b"", "it must hold names with values; None arrived"),
    ],
)
def test_a_list_of_names_that_cannot_be_read_is_refused(tmp_path, content, reason):
    files(tmp_path, data_dot_yaml=content, labels__1_dot_txt="0 .5 .5 1 1")
    with pytest.raises(ImportProblem, match=r"^data.yaml must name the classes of a YOLO data set: ") as caught:
        YoloImporter().read(tmp_path / "data.yaml", PhotoNames([]))
    assert reason in str(caught.value)


def test_a_name_that_stands_for_itself_many_times_does_not_grow(tmp_path, rows, problems):
    """Each list has ten times the one before it: a billion texts, were they written out."""
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10))]
    files(
        tmp_path, data_dot_yaml="\n".join([*lines, "names: [*a9, cat]"]), labels__1_dot_txt="0 .5 .5 1 1\n1 .5 .5 1 1"
    )
    assert rows(YoloImporter(), tmp_path) == [("1", "cat", "labels/1.txt line 2", (0, 0, 1, 1))]
    ((_, reason),) = problems(YoloImporter(), tmp_path)
    inner = f"[{', '.join(['[...]'] * 6)}, ...]"
    assert reason == f"the name of class 0 must be text; [{', '.join([inner] * 6)}, ...] arrived"


def test_what_is_not_recognised(tmp_path):
    files(tmp_path, notes_dot_txt="0 .5 .5 1 1", names_dot_yaml=NAMES, other_dot_yaml="a: 1")
    for path in (tmp_path, tmp_path / "names.yaml", tmp_path / "other.yaml", tmp_path / "gone.yaml"):
        assert not YoloImporter().recognises(path)
