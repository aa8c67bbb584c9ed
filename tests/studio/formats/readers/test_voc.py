"""Pascal VOC annotations, and XML that is not to be trusted."""

from __future__ import annotations

import pytest

from handlens.errors import ImportProblem
from handlens.studio.formats import PhotoNames
from handlens.studio.formats.readers.voc import VocImporter, parse_xml

SIZE = "<size><width>100</width><height>50</height><depth>3</depth></size>"


def thing(name="cat", box=(1, 1, 100, 50), more=""):
    edges = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    bounds = "".join(f"<{edge}>{value}</{edge}>" for edge, value in edges)
    return f"<object><name>{name}</name>{more}<bndbox>{bounds}</bndbox></object>"


def annotation(*objects, size=SIZE, filename="<filename>a.jpg</filename>"):
    return f"<annotation><folder>x</folder>{filename}{size}{''.join(objects)}</annotation>"


@pytest.fixture
def file(tmp_path):
    def write(content, name="1.xml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_a_box_has_its_first_and_its_last_pixel(file, rows, problems, format_of):
    objects = [thing(), thing("dog", (11, 6, 20, 30)), "<object><name>whole</name></object>"]
    path = file(annotation(*objects))
    assert format_of(path) == "voc"
    assert rows(VocImporter(), path) == [
        ("a.jpg", "cat", "1.xml object 1", (0, 0, 1, 1)),
        ("a.jpg", "dog", "1.xml object 2", (0.1, 0.1, 0.1, 0.5)),
        ("a.jpg", "whole", "1.xml object 3"),
    ]
    assert problems(VocImporter(), path) == []
    table = VocImporter().read(path, PhotoNames([])).labels
    assert table.loc[0, ["picture_width", "picture_height"]].tolist() == [100, 50]


def test_where_pixels_are_counted_from_0_a_box_begins_at_the_edge(file, rows):
    assert rows(VocImporter(), file(annotation(thing(box=(0, 0.5, 50, 25)))))[0][3] == (0, 0, 0.5, 0.5)


def test_all_files_below_a_folder_are_read(file, rows, tmp_path, format_of):
    file(annotation(thing()), "Annotations/2.xml")
    file(annotation(filename="<filename>b.jpg</filename>"), "Annotations/1.xml")
    file(annotation(thing(), filename=""), "Annotations/deep/c.xml")
    assert format_of(tmp_path) == "voc"
    assert rows(VocImporter(), tmp_path) == [
        ("b.jpg", None, "Annotations/1.xml"),
        ("a.jpg", "cat", "Annotations/2.xml object 1", (0, 0, 1, 1)),
        ("c", "cat", "Annotations/deep/c.xml object 1", (0, 0, 1, 1)),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_files_in_the_encoding_that_they_name_are_read(file, rows, encoding):
    content = f'<?xml version="1.0" encoding="{encoding}"?>' + annotation(thing("Käfer &amp; &lt;Bär&gt;"))
    path = file(content.encode(encoding))
    assert [row[1] for row in rows(VocImporter(), path)] == ["Käfer & <Bär>"]
    assert VocImporter().recognises(path)


NO_NUMBER = "must be a number; "


@pytest.mark.parametrize(
    ("content", "where", "reason"),
    [
        (annotation(thing(box=(1, 1, 200, 50))), "2.xml object 1",
         "its box must lie in the picture; [0.0, 0.0, 200.0, 50.0] reaches out of it"),
        (annotation(thing(box=(-50, 1, 20, 50))), "2.xml object 1",
         "its box must lie in the picture; [-51.0, 0.0, 71.0, 50.0] reaches out of it"),
        (annotation(thing(box=(30, 1, 20, 50))), "2.xml object 1",
         "its box must be wider and higher than 0; -9×50 arrived"),
        (annotation(thing(box=("nan", 1, 20, 50))), "2.xml object 1",
         "each number of its box must be a number, and a finite one; nan arrived"),
        (annotation(thing(box=("9" * 400, 1, 20, 50))), "2.xml object 1",
         "each number of its box must be a number, and a finite one; inf arrived"),
        (annotation(thing(box=("x", 1, 20, 50))), "2.xml object 1", "xmin must be a number; 'x' arrived"),
        (annotation("<object><name>cat</name><bndbox/></object>"), "2.xml object 1",
         "xmin must be a number; None arrived"),
        (annotation(thing(), size=""), "2.xml object 1",
         "its box needs the size of the picture, and the file does not say it"),
        (annotation(thing(), size="<size><width>0</width><height>0</height></size>"), "2.xml object 1",
         "the picture's width and height must be more than 0; 0.0×0.0 arrived"),
        (annotation("<object/>"), "2.xml object 1", "the object's name must be text; None arrived"),
        (annotation(filename="<filename>../a.jpg</filename>"), "2.xml", "'../a.jpg' leads out of the folder"),
        ("<html></html>", "2.xml", "its outermost element must be annotation; 'html' arrived"),
        ("", "2.xml", "it must be XML; no element found: line 1, column 0"),
        ("photo,label\n", "2.xml", "it must be XML; syntax error: line 1, column 0"),
        ("<annotation>", "2.xml", "it must be XML; no element found: line 1, column 12"),
        (b'<?xml version="1.0" encoding="utf-8"?><annotation>\xff</annotation>', "2.xml",
         "it must be XML; not well-formed (invalid token): line 1, column 50"),
        (b'<?xml version="1.0" encoding="klingon"?><annotation/>', "2.xml", "its encoding is not known: "
                                                                           "unknown encoding: klingon"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_listed(file, rows, problems, tmp_path, content, where, reason):
    file(annotation(thing()))
    file(content, "2.xml")
    assert rows(VocImporter(), tmp_path) == [("a.jpg", "cat", "1.xml object 1", (0, 0, 1, 1))]
    assert problems(VocImporter(), tmp_path) == [(where, reason)]


LAUGHS = "".join(f'<!ENTITY a{i} "{"".join([f"&a{i - 1};"] * 10)}">' if i else '<!ENTITY a0 "ha">' for i in range(10))


@pytest.mark.parametrize(
    "declaration",
    [
        f"<!DOCTYPE annotation [{LAUGHS}]>",
        '<!DOCTYPE annotation [<!ENTITY a9 SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE annotation SYSTEM "http://localhost:1/x.dtd">',
        "<!DOCTYPE annotation>",
    ],
)
def test_a_document_type_is_refused_before_anything_of_it_is_read(file, problems, tmp_path, declaration):
    bomb = file(declaration + annotation(thing("&a9;")))
    reason = "it has a document type (<!DOCTYPE …>), which these files do not need; it is refused"
    with pytest.raises(ImportProblem, match="none can be read: it has a document type"):
        VocImporter().read(bomb, PhotoNames([]))
    file(annotation(thing()), "2.xml")
    assert problems(VocImporter(), tmp_path) == [("1.xml", reason)]


def test_an_entity_that_is_not_declared_is_an_error(file):
    with pytest.raises(ImportProblem, match=r"none can be read: it must be XML; undefined entity"):
        VocImporter().read(file(annotation(thing("&a9;"))), PhotoNames([]))


def test_elements_in_elements_a_hundred_thousand_deep_are_read():
    root = parse_xml(b"<a>" * 100_000 + b"</a>" * 100_000)
    assert root.tag == "a"


def test_a_file_that_is_too_large_is_refused(file):
    with pytest.raises(ImportProblem, match="none can be read: it must have at most 4 MB; it has more"):
        VocImporter().read(file(annotation(thing(more=" " * 2**22))), PhotoNames([]))


def test_a_folder_without_annotations_is_refused(tmp_path):
    with pytest.raises(ImportProblem, match="must hold Pascal VOC annotations in XML; none can be read"):
        VocImporter().read(tmp_path, PhotoNames([]))
    assert not VocImporter().recognises(tmp_path)


def test_a_link_out_of_the_folder_is_listed(file, rows, problems, tmp_path):
    file(annotation(thing()), "data/1.xml")
    (tmp_path / "data/2.xml").symlink_to(file(annotation(thing()), "2.xml"))
    assert len(rows(VocImporter(), tmp_path / "data")) == 1
    assert problems(VocImporter(), tmp_path / "data") == [("2.xml", "'2.xml' leads out of the folder")]
