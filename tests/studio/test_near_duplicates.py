"""Which pictures show the same photo."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from handlens.errors import Cancelled
from handlens.studio import near_duplicates
from handlens.studio.many_duplicates import candidates_among_many
from handlens.studio.near_duplicates import SAME, candidates, correlations, grouped, shrunk
from handlens.studio.pictures import tile


def go_on(done, total):
    return False


def scene(seed, size=(320, 240)):
    """A picture of blurred noise with shapes on it: no two seeds are alike."""
    random = np.random.default_rng(seed)
    ground = Image.fromarray(random.integers(0, 256, (12, 16, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(ground)
    for _ in range(6):
        x, y, w, h = (int(v) for v in random.integers([0, 0, 20, 20], [size[0], size[1], 90, 90]))
        pen.ellipse((x, y, x + w, y + h), fill=tuple(random.integers(0, 256, 3).tolist()))
    return ground.filter(ImageFilter.GaussianBlur(1))


def same(first, second):
    pictures = [first.convert("RGB"), second.convert("RGB")]
    tiles = np.stack([tile(picture) for picture in pictures])
    aspects = np.array([picture.width / picture.height for picture in pictures], np.float32)
    forth, back = correlations(tiles, aspects, np.array([[0, 1], [1, 0]]), report=go_on)
    assert (forth >= SAME) == (back >= SAME)
    return bool(forth >= SAME)


CHANGES = {
    "nothing": lambda p: p,
    "crop at the left": lambda p: p.crop((32, 0, 320, 240)),
    "crop of a corner": lambda p: p.crop((0, 0, 288, 216)),
    "crop of all sides": lambda p: p.crop((16, 12, 304, 228)),
    "half": lambda p: p.resize((160, 120)),
    "one and a half": lambda p: p.resize((480, 360)),
    "darker": lambda p: ImageEnhance.Brightness(p).enhance(0.8),
    "brighter, clipped": lambda p: ImageEnhance.Brightness(p).enhance(1.2),
    "more contrast": lambda p: ImageEnhance.Contrast(p).enhance(1.2),
    "paler": lambda p: ImageEnhance.Color(p).enhance(0.75),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_slight_changes_leave_it_the_same_photo(change):
    assert all(same(scene(seed), change(scene(seed))) for seed in range(3))


OTHERS = {
    "mirrored": lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "upside down": lambda p: p.transpose(Image.Transpose.ROTATE_180),
    "turned by a quarter": lambda p: p.transpose(Image.Transpose.ROTATE_90),
    "turned by 15 degrees": lambda p: p.rotate(15),
    "cropped by a third": lambda p: p.crop((107, 0, 320, 240)),
    "squeezed": lambda p: p.resize((240, 240)),
    "negative": lambda p: Image.eval(p, lambda level: 255 - level),
    "black and white": lambda p: p.convert("L"),
    "other colours": lambda p: Image.merge("RGB", p.split()[::-1]),
    "much darker": lambda p: ImageEnhance.Brightness(p).enhance(0.3),
}


@pytest.mark.parametrize("change", OTHERS.values(), ids=list(OTHERS))
def test_what_makes_it_another_photo(change):
    assert not any(same(scene(seed), change(scene(seed))) for seed in range(3))


def test_another_photo_is_another_photo():
    assert not any(same(scene(seed), scene(seed + 1)) for seed in range(5))


def test_an_object_that_moved_makes_it_another_photo():
    def with_ball(x):
        picture = scene(0)
        ImageDraw.Draw(picture).ellipse((x, 90, x + 60, 150), fill="white")
        return picture

    assert same(with_ball(100), with_ball(100))
    assert not same(with_ball(100), with_ball(150))


def test_a_mirrored_photo_of_something_symmetric():
    picture = scene(0)
    half = picture.crop((0, 0, 160, 240))
    picture.paste(half.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (160, 0))
    exact = picture.copy()
    ImageDraw.Draw(picture).rectangle((40, 100, 45, 105), fill="black")
    mirrored = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert same(picture, ImageEnhance.Brightness(picture).enhance(0.9))
    assert not same(picture, mirrored)
    assert same(exact, exact.transpose(Image.Transpose.FLIP_LEFT_RIGHT))  # nobody can tell these apart


def test_panoramas():
    wide = scene(0, (1600, 200))
    assert same(wide, wide.crop((80, 0, 1600, 200)))
    assert not same(wide, scene(1, (1600, 200)))


@pytest.mark.parametrize(("first", "second"), [("black", "black"), ("black", "white"), ("#808080", "#848484")])
def test_blank_pictures_have_nothing_to_compare(first, second):
    assert not same(Image.new("RGB", (64, 64), first), Image.new("RGB", (64, 64), second))


def test_without_pairs_there_is_nothing_to_compare():
    nothing = np.empty((0, 2), np.int64)
    tiles = np.zeros((1, 64, 64, 3), np.uint8)
    assert correlations(tiles, np.ones(1, np.float32), nothing, report=go_on).tolist() == []
    assert candidates(shrunk(tiles, 16), report=go_on).tolist() == []


def test_shrunk_is_the_mean_of_squares():
    tiles = np.zeros((1, 64, 64, 3), np.uint8)
    tiles[0, :4, :4] = (30, 60, 90)
    tiles[0, 4:8, :2, 0] = 12
    small = shrunk(tiles, 16)
    assert small[0, :2, :2].tolist() == [[60, 0], [2, 0]]
    assert small.sum() == 62


def test_candidates_are_the_pairs_that_are_alike():
    small = np.stack([shrunk(tile(scene(seed).convert("RGB"))[None], 16)[0] for seed in (0, 1, 2)])
    found = candidates(np.concatenate([small, 0.5 * small[[2, 0]]]), report=go_on)
    assert {(0, 4), (2, 3)} <= {tuple(pair) for pair in found.tolist()}
    assert (found[:, 0] < found[:, 1]).all()


@pytest.mark.parametrize("columns", [1, 2, 7, 100])
def test_candidates_are_the_same_in_any_blocks(monkeypatch, columns):
    generator = np.random.default_rng(0)
    kinds = generator.uniform(0, 255, (6, 16, 16)).astype(np.float32)
    small = kinds[np.arange(30) % 6] + generator.normal(0, 5, (30, 16, 16)).astype(np.float32)
    whole = candidates(small, report=go_on)
    assert len(whole) == 6 * 10  # each picture with the four others of its kind
    monkeypatch.setattr(near_duplicates, "_COLUMNS", columns)
    monkeypatch.setattr(near_duplicates, "_BATCH", 4)
    assert candidates(small, report=go_on).tolist() == whole.tolist()
    assert candidates(small.astype(np.float16), report=go_on).tolist() == whole.tolist()


def test_among_many_the_same_pairs_are_found_in_cells(monkeypatch):
    monkeypatch.setattr("handlens.studio.nearest.EXACT_TO", 100)
    monkeypatch.setattr("handlens.studio.nearest._CELL", 20)  # 30 cells, of which 24 are looked through
    monkeypatch.setattr("handlens.studio.many_duplicates._BATCH", 64)
    generator = np.random.default_rng(0)
    kinds = generator.uniform(0, 255, (120, 16, 16)).astype(np.float32)
    small = kinds[np.arange(600) % 120] + generator.normal(0, 5, (600, 16, 16)).astype(np.float32)
    told = []
    found = candidates_among_many(small.astype(np.float16), report=lambda *steps: told.append(steps) or False)
    assert len(found) == 120 * 10
    assert found.tolist() == candidates(small, report=go_on).tolist()
    done = [steps[0] for steps in told]
    assert done == sorted(done)
    assert {steps[1] for steps in told} == {600}
    for at in (0, len(told) // 2, len(told) - 1):
        asked = iter(range(len(told)))
        with pytest.raises(Cancelled):
            candidates_among_many(small, report=lambda _done, _total, asked=asked, at=at: next(asked) == at)


def test_a_window_of_a_picture_is_found_among_many(monkeypatch):
    monkeypatch.setattr("handlens.studio.nearest.EXACT_TO", 5)
    whole = [scene(seed, (400, 300)).convert("RGB") for seed in range(12)]
    scenes, crops = [tile(one) for one in whole], [tile(one.crop((0, 0, 380, 285))) for one in whole]
    small = shrunk(np.stack([*scenes, *crops]), 16)
    found = {tuple(pair) for pair in candidates_among_many(small, report=go_on).tolist()}
    assert {(i, i + 12) for i in range(12)} <= found
    assert found == {tuple(pair) for pair in candidates(small, report=go_on).tolist()}


def test_the_work_can_be_cancelled():
    tiles = np.stack([tile(scene(seed).convert("RGB")) for seed in (0, 0)])
    with pytest.raises(Cancelled):
        candidates(shrunk(tiles, 16), report=lambda done, total: True)
    with pytest.raises(Cancelled):
        correlations(tiles, np.ones(2, np.float32), np.array([[0, 1]]), report=lambda done, total: True)


def matching(*pairs):
    def compare(asked):
        return np.array([0.99 if tuple(pair) in pairs else 0.5 for pair in asked.tolist()], np.float32)

    return compare


def test_the_middle_of_a_group_is_the_picture_with_the_most_matches():
    pairs = [(0, 2), (1, 2), (2, 7), (4, 5)]
    groups = grouped(np.array(pairs), matching(*pairs))
    assert [(centre, others.tolist()) for centre, others, _ in groups] == [(2, [0, 1, 7]), (4, [5])]
    assert groups[0][2].tolist() == pytest.approx([0.99, 0.99, 0.99])


def test_pictures_that_were_no_candidates_are_compared_with_the_middle_of_their_group():
    found = np.array([(0, 1), (1, 2), (0, 3)])
    groups = grouped(found, matching((0, 1), (0, 2), (1, 2), (0, 3)))
    assert [(centre, others.tolist()) for centre, others, _ in groups] == [(0, [1, 2, 3])]


def test_a_chain_falls_into_several_groups():
    chain = [(i, i + 1) for i in range(5)]
    groups = grouped(np.array(chain), matching(*chain))
    assert [(centre, others.tolist()) for centre, others, _ in groups] == [(1, [0, 2]), (4, [3, 5])]


def test_no_pairs_are_no_groups():
    assert grouped(np.empty((0, 2), np.int64), matching()) == []
