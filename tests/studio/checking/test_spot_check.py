"""The spot check: which photos are drawn, which answers count, and what changes of labels and files do to them."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from handlens.errors import CollectionError, StorageError
from handlens.studio.origins import Certificate, Origin
from handlens.studio.register import Register
from handlens.studio.spot_check import NONE_OF_THESE

BY_MODEL = Origin("finish", "certified", Certificate(0.05, 0.95, checked=30))


def edit(desk, statement, *values):
    """Change the file by hand."""
    with closing(sqlite3.connect(desk.path)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        db.execute(statement, values)
        db.commit()


# --- by hand ---------------------------------------------------------------------------------------


def test_before_the_first_draw(desk):
    now = desk.check.now()
    assert now.rounds == []
    assert now.waiting == []
    assert (now.answered, now.unsure, now.none_of_these, now.gone, now.again) == (0, 0, [], 0, 0)
    assert now.open.all()
    assert not now.drawn.any()
    assert desk.check.now() is now  # nothing has changed


def test_a_draw_and_its_answers(desk):
    desk.labels.assign([8, 9], "cat")
    drawn = desk.draw(4)
    assert len(set(drawn)) == 4
    assert set(drawn) <= set(range(8))
    assert desk.check.now().waiting == drawn
    for photo, said in zip(drawn, ["cat", "dog", None, "?"], strict=True):
        desk.answer(photo, said)
    now = desk.check.now()
    assert now.waiting == []
    assert (now.answered, now.unsure, now.none_of_these, now.gone, now.again) == (4, 1, [drawn[2]], 0, 0)
    assert desk.counted == [(drawn[0], "cat"), (drawn[1], "dog"), (drawn[2], None)]  # without the unsure one
    [first] = now.rounds
    assert first.codes.tolist() == [0, 1, NONE_OF_THESE]
    assert first.population.tolist() == [True] * 8 + [False] * 2
    assert first.current
    assert np.flatnonzero(now.drawn).tolist() == sorted(drawn)
    assert np.flatnonzero(now.open).tolist() == sorted(set(range(8)) - set(drawn))
    # What was answered is labelled as well, and says that it was checked.
    origins = desk.labels.state.origins
    kinds = {i: origins.by_change[int(c)].origin.kind for i, c in enumerate(origins.changes) if c}
    assert kinds == {8: "by hand", 9: "by hand", drawn[0]: "checked", drawn[1]: "checked"}
    assert desk.told == [False] * 4 + [True]  # whether other answers count, after the draw and each answer


def test_those_that_wait_come_first_and_are_not_drawn_again(desk):
    first = desk.draw(3)
    desk.answer(first[0], "cat")
    again = desk.draw(4)
    assert again[:2] == first[1:]
    assert not set(again[2:]) & set(first)
    assert desk.draw(2) == again[:2]
    assert len(desk.check.now().rounds) == 2


def test_a_draw_larger_than_what_is_left(desk):
    desk.labels.assign(range(7), "cat")
    assert sorted(desk.draw(30)) == [7, 8, 9]
    for photo in (7, 8, 9):
        desk.answer(photo, "cat")
    with pytest.raises(
        CollectionError, match="a person has labelled or checked every photo, so there is no photo left"
    ):
        desk.draw(1)
    assert len(desk.check.now().rounds) == 1


def test_draws_without_photos_or_before_they_are_prepared(open_desk):
    desk = open_desk(0)
    with pytest.raises(CollectionError, match="no photo is prepared yet that could be checked"):
        desk.draw(30)


def test_photos_that_are_not_prepared_or_cannot_be_read_are_not_drawn(open_desk):
    desk = open_desk(10, prepared=3)
    assert sorted(desk.draw(30)) == [0, 1, 2]
    desk.photos.prepared = 5  # preparing goes on
    assert sorted(desk.draw(30)[3:]) == [3, 4]
    assert [int(r.population.sum()) for r in desk.check.now().rounds] == [3, 2]


@pytest.mark.parametrize("n", [0, -1, 10_001, True, 2.0, "3", None])
def test_numbers_that_cannot_be_drawn(desk, n):
    with pytest.raises(CollectionError, match=r"n must be a whole number from 1 to 10,000"):
        desk.check.draw(n)
    assert desk.check.now().rounds == []


def test_answers_that_are_refused(desk):
    drawn = desk.draw(3)
    other = next(i for i in range(10) if i not in drawn)
    with pytest.raises(CollectionError, match=f"{other}.jpg was not drawn for a spot check"):
        desk.answer(other, "cat")
    with pytest.raises(CollectionError, match="a label or unsure, not both"):
        desk.check.answer(drawn[0], "cat", unsure=True)
    with pytest.raises(CollectionError, match="a label must have 1 to 100 printable characters"):
        desk.answer(drawn[0], "")
    for photo in (-1, 10):
        with pytest.raises(CollectionError, match="between 0 and 9"):
            desk.answer(photo, "cat")
    for photo in (True, 1.0, "1", None):
        with pytest.raises(CollectionError, match="id must be a whole number"):
            desk.answer(photo, "cat")
    for unsure in ("no", 1, None):
        with pytest.raises(CollectionError, match="unsure must be True or False"):
            desk.check.answer(drawn[0], None, unsure=unsure)
    assert desk.check.now().waiting == drawn
    assert desk.labels.version == 0


def test_numbers_of_numpy_are_numbers(desk):
    [photo] = desk.check.draw(np.int64(1))
    desk.check.answer(photo, "cat", unsure=False)
    assert desk.counted == [(photo, "cat")]


# --- the order of answers --------------------------------------------------------------------------


def test_later_answers_do_not_count_before_the_earlier_ones(desk):
    a, b, c, d = desk.draw(4)
    desk.answer(d, "cat")
    desk.answer(b, "cat")
    assert desk.counted == []
    assert desk.check.now().answered == 2
    desk.answer(a, "dog")
    assert desk.check.now().waiting == [c]
    assert desk.counted == []
    desk.answer(c, "?")  # does not count, but no longer stands in the way
    assert desk.counted == [(a, "dog"), (b, "cat"), (d, "cat")]


@pytest.mark.parametrize(
    ("n", "blocks"), [(200, [30, 60, 90, 120, 150, 180, 200]), (30, [30]), (15, [15]), (31, [30, 31])]
)
def test_answers_count_in_complete_blocks_and_all_at_the_end(open_desk, n, blocks):
    """Otherwise people who stop when it suits would see a number that is too high too often."""
    desk = open_desk(300)
    drawn = desk.draw(n)
    counted = []
    for answered in range(n + 1):
        ids = [photo for photo, _ in desk.counted]
        assert ids == drawn[: len(ids)]
        assert len(ids) == max([0, *(block for block in blocks if block <= answered)])
        counted.append(len(ids))
        if answered < n:
            desk.answer(drawn[answered], "cat")
    assert [i for i, told in enumerate(desk.told) if told] == blocks


def test_blocks_hold_the_photos_that_are_not_gone_with_those_that_are_unsure(open_desk):
    desk = open_desk(100)
    drawn = desk.draw(62)
    for photo in drawn[3:5]:
        desk.photos.file(photo).unlink()
    for photo in drawn[:3]:
        desk.answer(photo, "?")
    for photo in drawn[5:31]:
        desk.answer(photo, "cat")
    assert desk.check.now().answered == 29
    assert desk.counted == []
    desk.answer(drawn[31], "cat")
    [found] = desk.check.now().rounds
    assert found.unsure.tolist() == drawn[:3]
    assert found.ids.tolist() == drawn[5:32]
    for photo in drawn[32:61]:
        desk.answer(photo, "?")
    assert desk.check.now().rounds[0].unsure.tolist() == drawn[:3]  # those of a later block do not count yet
    desk.answer(drawn[61], "?")
    assert desk.check.now().rounds[0].unsure.tolist() == drawn[:3] + drawn[32:]


def test_each_draw_has_blocks_of_its_own(open_desk):
    desk = open_desk(200)
    for photo in desk.draw(40)[:35]:
        desk.answer(photo, "cat")
    *left, a, b = desk.draw(7)
    for photo in (a, b):
        desk.answer(photo, "dog")  # the second draw is complete
    assert [len(r.ids) for r in desk.check.now().rounds] == [30, 2]
    for photo in left:
        desk.answer(photo, "cat")
    assert [len(r.ids) for r in desk.check.now().rounds] == [40, 2]


def test_a_later_answer_of_a_block_is_told_and_counts(open_desk):
    """Those who go back and correct a slip change what counts."""
    desk = open_desk(100)
    drawn = desk.draw(40)
    for photo in drawn[:31]:
        desk.answer(photo, "cat")
    desk.told.clear()
    for said in ("cat", "dog", "?", "?", None):
        desk.answer(drawn[4], said)
    assert desk.told == [False, True, True, False, True]
    desk.answer(drawn[30], "dog")  # of the second block
    assert desk.told[-1] is False


def test_each_draw_has_an_order_of_its_own(desk):
    first = desk.draw(2)
    second = desk.draw(4)[2:]
    for photo in second:
        desk.answer(photo, "cat")
    assert desk.counted == [(photo, "cat") for photo in second]
    assert desk.check.now().waiting == first


def test_a_check_in_which_each_answer_is_unsure(desk):
    for photo in desk.draw(5):
        desk.answer(photo, "?")
    now = desk.check.now()
    assert (now.answered, now.unsure, now.waiting, desk.counted) == (5, 5, [], [])
    assert (desk.labels.codes == -1).all()
    assert now.open.sum() == 5  # they are not drawn a second time


def test_a_check_in_which_each_answer_is_none_of_these(desk):
    drawn = desk.draw(5)
    for photo in drawn:
        desk.answer(photo, None)
    assert desk.check.now().none_of_these == drawn
    assert desk.counted == [(photo, None) for photo in drawn]
    assert desk.labels.names == []
    # A label that is made for such photos later is what they are.
    desk.labels.assign(drawn[:2], "bus")
    assert desk.counted == [(drawn[0], "bus"), (drawn[1], "bus"), *((photo, None) for photo in drawn[2:])]
    assert desk.check.now().none_of_these == drawn[2:]


# --- answering again, undo and redo ----------------------------------------------------------------


@pytest.mark.parametrize("before", ["cat", None, "?"])
@pytest.mark.parametrize("after", ["cat", "dog", None, "?"])
def test_the_latest_answer_counts(desk, before, after):
    [photo] = desk.draw(1)
    desk.answer(photo, before)
    desk.answer(photo, after)
    assert desk.counted == ([] if after == "?" else [(photo, after)])
    assert desk.check.now().answered == 1
    # The label is what was answered last.
    label = desk.labels.series[photo]
    assert label == after if after in ("cat", "dog") else label != label


def test_undo_of_an_answer_asks_again_and_redo_answers(desk):
    a, b = desk.draw(2)
    desk.answer(a, "cat")
    desk.answer(b, "dog")
    desk.labels.undo()
    now = desk.check.now()
    assert (now.waiting, now.again, now.answered) == ([b], 1, 1)
    assert desk.counted == []  # nothing counts until it is answered again
    desk.labels.redo()
    assert desk.check.now().again == 0
    assert desk.counted == [(a, "cat"), (b, "dog")]
    desk.labels.undo()
    desk.answer(b, "cat")
    assert desk.counted == [(a, "cat"), (b, "cat")]


def test_undo_of_a_second_answer_brings_the_first_one_back(desk):
    [photo] = desk.draw(1)
    for said in ("cat", "dog", None, "cat", "?"):
        desk.answer(photo, said)
    assert desk.counted == []
    for counted in ("cat", None, "dog", "cat"):
        desk.labels.undo()
        assert desk.counted == [(photo, counted)]
    desk.labels.undo()
    assert desk.check.now().waiting == [photo]
    for counted in ("cat", "dog", None, "cat"):
        desk.labels.redo()
        assert desk.counted == [(photo, counted)]
    desk.labels.redo()
    assert desk.check.now().unsure == 1


def test_an_answer_that_was_undone_does_not_come_back_with_another_label(desk):
    [photo] = desk.draw(1)
    desk.answer(photo, "cat")
    desk.labels.undo()
    desk.labels.assign([photo, *[i for i in range(10) if i != photo][:2]], "dog")  # by lasso
    assert desk.check.now().waiting == [photo]
    assert desk.counted == []


def test_an_answer_stays_when_its_photo_is_labelled_otherwise(desk):
    """Nobody can correct the check once the prediction is seen; only another blind answer can."""
    [photo] = desk.draw(1)
    desk.answer(photo, "cat")
    desk.labels.assign(range(10), "dog")
    assert desk.counted == [(photo, "cat")]
    desk.labels.undo()
    assert desk.counted == [(photo, "cat")]
    assert desk.labels.series[photo] == "cat"


def test_a_drawn_photo_that_was_labelled_before_its_answer_is_asked_all_the_same(desk):
    [photo] = desk.draw(1)
    desk.labels.assign([photo], "dog")
    assert desk.check.now().waiting == [photo]
    desk.answer(photo, "dog")  # no change of labels
    assert desk.counted == [(photo, "dog")]
    assert desk.labels.version == 1
    desk.answer(photo, "?")  # a label that was given otherwise stays
    assert desk.labels.series[photo] == "dog"
    desk.answer(photo, None)
    assert desk.labels.series.isna().all()
    desk.labels.undo()
    desk.labels.undo()  # the label that the answer rested on
    assert desk.check.now().waiting == []
    assert desk.check.now().unsure == 1


# --- labels that change after they were checked ----------------------------------------------------


def test_answers_follow_labels_that_are_renamed_and_merged(desk):
    a, b, c = desk.draw(3)
    for photo, said in ((a, "cat"), (b, "kitten"), (c, "dog")):
        desk.answer(photo, said)
    desk.labels.rename("cat", "tiger")
    assert desk.counted == [(a, "tiger"), (b, "kitten"), (c, "dog")]
    desk.labels.merge(["tiger", "kitten"], "feline")
    assert desk.counted == [(a, "feline"), (b, "feline"), (c, "dog")]
    desk.labels.undo()
    assert desk.counted == [(a, "tiger"), (b, "kitten"), (c, "dog")]


def test_photos_whose_label_was_deleted_are_asked_again(desk):
    a, b, c = desk.draw(3)
    for photo, said in ((a, "cat"), (b, "dog"), (c, "cat")):
        desk.answer(photo, said)
    desk.labels.delete("dog")
    now = desk.check.now()
    assert (now.waiting, now.again, now.answered) == ([b], 1, 2)
    # Not even the first answer counts: photos of the deleted label would be missing among those that do.
    assert desk.counted == []
    assert desk.draw(1) == [b]
    desk.answer(b, None)
    assert desk.counted == [(a, "cat"), (b, None), (c, "cat")]
    desk.labels.delete("cat")
    assert desk.check.now().waiting == [a, c]
    desk.labels.undo()
    assert desk.counted == [(a, "cat"), (b, None), (c, "cat")]


def test_a_new_label_with_the_name_of_a_deleted_one_is_another_label(desk):
    [photo] = desk.draw(1)
    desk.answer(photo, "cat")
    desk.labels.delete("cat")
    desk.labels.assign([photo], "cat")
    assert desk.check.now().waiting == [photo]


def test_a_photo_whose_label_was_taken_off_is_asked_again(desk):
    [photo] = desk.draw(1)
    desk.answer(photo, "cat")
    desk.labels.remove([photo])
    assert desk.check.now().again == 1
    desk.labels.undo()
    assert desk.counted == [(photo, "cat")]


# --- labels that the model gave --------------------------------------------------------------------


def test_photos_that_the_model_labelled_can_be_drawn_and_answered(desk):
    desk.labels.assign(range(5), "cat")
    desk.labels.assign(range(5, 10), "cat", origin=BY_MODEL)
    assert desk.check.now().open.tolist() == [False] * 5 + [True] * 5
    a, b, c, d = desk.draw(4)
    for photo, said in ((a, "cat"), (b, "dog"), (c, None), (d, "?")):
        desk.answer(photo, said)
    assert desk.counted == [(a, "cat"), (b, "dog"), (c, None)]
    state = desk.labels.state
    names = [*state.names, None]
    kinds = [state.origins.by_change[int(state.origins.changes[i])].origin.kind for i in (a, b)]
    assert ([names[state.codes[i]] for i in (a, b, c, d)], kinds) == (["cat", "dog", None, "cat"], ["checked"] * 2)
    # Taking back “none of these” brings the model's label back, which is not an answer.
    desk.labels.undo()
    assert desk.check.now().waiting == [c]


# --- whether a draw is still about the photos that are left ----------------------------------------


def test_a_draw_is_current_until_more_than_a_tenth_is_labelled(open_desk):
    desk = open_desk(23)
    desk.labels.assign([20, 21, 22], "cat")
    drawn = desk.draw(5)  # of 20 photos
    rest = [i for i in range(20) if i not in drawn]
    for photo in drawn:
        desk.answer(photo, "cat")  # answers are no such change
    desk.labels.assign(rest[:2], "cat")
    assert desk.check.now().rounds[0].current
    desk.labels.assign(rest[2:10], "cat", origin=BY_MODEL)  # nor are labels of the model
    assert desk.check.now().rounds[0].current
    desk.labels.assign(rest[2:3], "cat")
    assert not desk.check.now().rounds[0].current
    assert len(desk.counted) == 5
    desk.draw(2)
    assert [r.current for r in desk.check.now().rounds] == [False, True]


def test_a_draw_is_current_while_at_most_a_tenth_of_the_rest_was_added(open_desk):
    desk = open_desk(100, prepared=40)
    desk.draw(4)
    desk.photos.prepared = 44  # four of forty photos that are left
    assert [r.current for r in desk.check.now().rounds] == [True]
    desk.photos.prepared = 50
    assert [r.current for r in desk.check.now().rounds] == [False]
    desk.draw(40)  # also those that were added; that does not make the first draw one of them
    assert [r.current for r in desk.check.now().rounds] == [False, True]


# --- files -----------------------------------------------------------------------------------------


def test_photos_that_vanish_or_change_before_they_are_answered_are_left_out(desk):
    a, b, c, d = desk.draw(4)
    desk.answer(a, "cat")
    desk.photos.file(b).unlink()
    desk.photos.file(c).write_bytes(b"another picture")
    now = desk.check.now()
    assert (now.waiting, now.gone, now.answered) == ([d], 2, 1)
    for photo in (b, c):
        with pytest.raises(CollectionError, match=f"{photo}.jpg is gone or has changed since it was drawn"):
            desk.answer(photo, "cat")
    assert desk.labels.series.notna().sum() == 1
    desk.answer(d, "cat")
    assert desk.counted == [(a, "cat"), (d, "cat")]


def test_a_photo_that_is_back_as_it_was_waits_again(desk):
    a, b = desk.draw(2)
    desk.photos.file(a).rename(desk.path.with_suffix(".away"))
    assert desk.check.now().waiting == [b]
    desk.answer(b, "cat")
    assert desk.counted == [(b, "cat")]
    desk.path.with_suffix(".away").rename(desk.photos.file(a))
    assert desk.check.now().waiting == [a]
    assert desk.counted == []


def test_answers_stay_when_their_files_change(desk):
    [photo] = desk.draw(1)
    desk.answer(photo, "cat")
    desk.photos.file(photo).unlink()
    assert desk.counted == [(photo, "cat")]
    assert desk.check.now().gone == 0


def test_when_all_drawn_photos_are_gone_there_may_be_nothing_left(open_desk):
    desk = open_desk(3)
    desk.labels.assign([0], "cat")
    desk.draw(5)
    for photo in (1, 2):
        desk.photos.file(photo).unlink()
    with pytest.raises(CollectionError, match="every photo, except for 2 that were drawn and are gone"):
        desk.draw(1)


def test_photos_whose_files_are_gone_are_not_drawn(open_desk):
    desk = open_desk(4)
    contents = {photo: desk.photos.file(photo).read_bytes() for photo in (0, 1, 2)}
    for photo in contents:
        desk.photos.file(photo).unlink()
    assert desk.draw(30) == [3]
    desk.answer(3, "cat")
    with pytest.raises(CollectionError, match="the files of the photos that are left are gone"):
        desk.draw(30)
    assert len(desk.check.now().rounds) == 1  # nothing was kept of the draw that was refused
    for photo, content in contents.items():
        desk.photos.file(photo).write_bytes(content)
    assert sorted(desk.draw(30)) == [0, 1, 2]


# --- two tabs, two processes, a killed process -----------------------------------------------------


def test_two_open_collections_share_one_check(open_desk):
    one, other = open_desk(), open_desk()
    drawn = one.draw(4)
    assert other.draw(4) == drawn
    one.answer(drawn[0], "cat")
    other.answer(drawn[1], "dog")
    for desk in (one, other):
        assert desk.check.now().answered == 2
        assert desk.check.now().waiting == drawn[2:]
    more = other.draw(5)
    assert more[:2] == drawn[2:]
    assert one.check.now().waiting == more
    one.answer(drawn[1], "cat")  # the latest answer counts, from any tab
    for photo in drawn[2:]:
        one.answer(photo, "dog")
    for desk in (one, other):
        assert desk.counted == [(photo, "cat") for photo in drawn[:2]] + [(photo, "dog") for photo in drawn[2:]]


def test_threads_that_draw_answer_and_label_at_once(open_desk):
    """None waits for the other, and no photo is drawn twice."""
    one, other = open_desk(200), open_desk(200)
    stop = threading.Event()

    def label() -> None:
        for i in range(40):
            one.labels.assign([i], "cat")
        stop.set()

    def check(desk):
        mine = []
        while not stop.is_set() or len(mine) < 5:
            photo = desk.draw(1)[0]
            desk.answer(photo, "dog")
            mine.append(photo)
            if len(mine) == 40:
                break
        return mine

    with ThreadPoolExecutor(3) as pool:
        busy = [pool.submit(label), pool.submit(check, one), pool.submit(check, other)]
        for run in busy:
            run.result(timeout=300)
    with closing(sqlite3.connect(one.path)) as db:
        drawn = [photo for (photo,) in db.execute("SELECT photo FROM spot_check_draws")]
    assert len(drawn) == len(set(drawn))
    assert {photo for photo, _ in one.counted} == {photo for photo, _ in other.counted} == set(drawn)


PROCESS = """
import sys
sys.path[:0] = [{here!r}]
from pathlib import Path
from conftest import Desk
desk = Desk(Path({folder!r}), 60)
for _ in range(8):
    [photo] = desk.draw(1)
    desk.answer(photo, {name!r})
    print(photo)
desk.close()
"""


def test_two_processes_draw_no_photo_twice_and_see_each_others_answers(open_desk):
    desk = open_desk(60)
    here, folder = str(Path(__file__).parent), str(desk.path.parent)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS.format(here=here, folder=folder, name=name)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("cat", "dog")
    ]
    said = [process.communicate(timeout=300)[0].split() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    answered = {int(photo) for photos in said for photo in photos}
    now = desk.check.now()
    assert set(np.flatnonzero(now.drawn).tolist()) == answered | set(now.waiting)
    assert {photo for photo, _ in desk.counted} <= answered
    assert len({photo for photo, _ in desk.counted}) == len(desk.counted)


def test_killed_between_the_label_and_the_answer(desk, open_desk, monkeypatch):
    [photo] = desk.draw(1)

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("handlens.studio.spot_check.transaction", killed)
        with pytest.raises(Killed):
            desk.answer(photo, "cat")
    desk.close()
    again = open_desk()
    assert again.labels.series[photo] == "cat"  # the label is kept
    assert again.check.now().waiting == [photo]  # and the photo is asked again
    again.answer(photo, None)
    assert again.counted == [(photo, None)]
    assert again.labels.series.isna().all()


def test_killed_during_a_draw(desk, monkeypatch):
    """A draw is kept as a whole or not at all, and drawn the same the next time."""
    with monkeypatch.context() as patch:
        patch.setattr(Register, "stamp", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            desk.draw(3)
    assert desk.check.now().rounds == []
    assert desk.draw(3) == [int(i) for i in np.random.default_rng([0, 1]).permutation(10)[:3]]


# --- chance ----------------------------------------------------------------------------------------


def test_a_copy_draws_the_same_and_another_seed_does_not(open_desk, tmp_path):
    desk = open_desk(50)
    desk.labels.assign(range(5), "cat")
    shutil.copytree(tmp_path, tmp_path.with_name("copy"), copy_function=shutil.copy2)
    copy = open_desk(50, folder=tmp_path.with_name("copy"))
    first, second = desk.draw(10), None
    for photo in first:
        desk.answer(photo, "cat")
    second = desk.draw(10)
    assert copy.draw(10) == first
    for photo in first:
        copy.answer(photo, "dog")  # answers change nothing about the next draw
    assert copy.draw(10) == second
    other = open_desk(50, folder=tmp_path.with_name("other"), seed=1)
    other.labels.assign(range(5), "cat")
    assert other.draw(10) != first


def test_draws_cannot_be_made_again_until_they_suit(desk, open_desk):
    drawn = desk.draw(3)
    desk.close()
    again = open_desk()
    assert again.draw(3) == drawn
    while again.labels.undo():
        pass
    assert again.draw(3) == drawn


def test_each_open_photo_is_as_likely_as_any_other(open_desk):
    """Two draws in a row from nine photos of twelve, for 3,000 seeds."""
    desk = open_desk(12, seed=7)
    desk.labels.assign([0, 5, 11], "cat")
    times = np.zeros((2, 12), int)
    for seed in range(3000):
        for place in range(2):
            # As `draw` does; without writing 6,000 transactions.
            open = [i for i in range(12) if i not in (0, 5, 11)]
            times[place, np.random.default_rng([seed, place + 1]).permutation(open)[0]] += 1
    assert desk.draw(4) == np.random.default_rng([7, 1]).permutation(open)[:4].tolist()
    assert (times[:, [0, 5, 11]] == 0).all()
    for place in range(2):
        assert chisquare(times[place, open]).pvalue > 0.001


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.sampled_from(["draw", "hand", "model", "answer"]), st.integers(0, 11)), max_size=12),
    st.integers(0, 3),
)
def test_whatever_happens_draws_are_from_photos_that_nobody_labelled(open_desk, tmp_path_factory, n, steps, seed):
    desk = open_desk(n, folder=tmp_path_factory.mktemp("desk"), seed=seed)
    by_hand: set[int] = set()
    drawn: list[int] = []
    for what, photo in steps:
        if what == "hand" and photo < n:
            desk.labels.assign([photo], "cat")
            by_hand.add(photo)
        elif what == "model" and photo < n and photo not in by_hand:
            desk.labels.assign([photo], "dog", origin=BY_MODEL)
        elif what == "answer" and drawn:
            desk.answer(drawn[photo % len(drawn)], "cat")
            by_hand.add(drawn[photo % len(drawn)])
        elif what == "draw":
            before = desk.check.now()
            try:
                given = desk.draw(photo + 1)
            except CollectionError:
                assert not before.waiting
                assert not before.open.any()
                continue
            new = given[len(before.waiting) :]
            assert given[: len(before.waiting)] == before.waiting[: len(given)]
            assert len(given) == min(photo + 1, len(before.waiting) + int(before.open.sum()))
            assert not set(new) & (by_hand | set(drawn))
            assert len(set(new)) == len(new)
            drawn += new
    now = desk.check.now()
    assert set(np.flatnonzero(now.drawn).tolist()) == set(drawn)
    assert set(np.flatnonzero(now.open).tolist()) == set(range(n)) - by_hand - set(drawn)


# --- damaged and foreign files ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "value", "told"),
    [
        ("UPDATE spot_check_rounds SET population = ?", b"no bits", "rounds are left out (1)"),
        ("UPDATE spot_check_rounds SET population = ?", "text", "rounds are left out (1)"),
        ("UPDATE spot_check_rounds SET population = ?", 5, "rounds are left out (1)"),
        ("UPDATE spot_check_rounds SET round = ?", 7, "rounds are left out (1)"),
        ("UPDATE spot_check_draws SET photo = ? WHERE seq = 1", -1, "drawn photos are left out (1)"),
        ("UPDATE spot_check_draws SET photo = ? WHERE seq = 1", "x", "drawn photos are left out (1)"),
        ("UPDATE spot_check_draws SET round = ? WHERE seq = 1", "x", "drawn photos are left out (1)"),
    ],
)
def test_s11_damaged_draws_are_told_and_left_out(desk, open_desk, statement, value, told):
    desk.draw(3)
    edit(desk, statement, value)
    again = open_desk()
    assert again.check.damage == [f"The spot check is damaged on the disk: {told}."]
    assert len(again.check.now().waiting) == (0 if "rounds" in told else 2)
    assert len(again.draw(3)) == 3
    assert len(again.check.now().waiting) == 3


def test_s11_damage_that_comes_while_the_collection_is_open_is_left_out_too(desk):
    desk.draw(3)
    edit(desk, "UPDATE spot_check_rounds SET population = ?", b"no bits")
    desk.draw(5)
    assert desk.check.damage == ["The spot check is damaged on the disk: rounds are left out (1)."]
    assert len(desk.check.now().waiting) == 5


def test_a_damaged_round_from_before_there_were_checksums_says_so(desk, open_desk):
    desk.draw(3)
    edit(desk, "DROP TABLE checksums")
    edit(desk, "UPDATE spot_check_rounds SET population = ?", b"no bits")
    again = open_desk()
    with pytest.raises(StorageError, match=r"the photos of round 1 cannot be read.*Restore collection\.sqlite"):
        again.check.now()


@pytest.mark.parametrize("column", ["photo", "answer", "label", "change"])
@pytest.mark.parametrize("value", ["x", -5, 2.5, 10**12, b"\x00"])
def test_damaged_answers_are_asked_again(desk, open_desk, column, value):
    a, b = desk.draw(2)
    desk.answer(a, "cat")
    desk.answer(b, "cat")
    edit(desk, f"UPDATE spot_check_answers SET {column} = ? WHERE seq = 1", value)
    again = open_desk()
    assert again.check.now().waiting == [a]
    again.answer(a, "dog")
    assert again.counted == [(a, "dog"), (b, "cat")]


def test_a_file_that_cannot_be_read(desk):
    desk.draw(3)
    edit(desk, "DROP TABLE spot_check_answers")
    for what in (desk.check.now, lambda: desk.draw(3)):
        with pytest.raises(StorageError, match="the file of the spot check could not be read or written"):
            what()
    desk.check.close()
    with pytest.raises(StorageError, match="closed"):
        desk.check.now()


def test_an_answer_that_the_disk_refuses_is_asked_again(desk):
    [photo] = desk.draw(1)
    edit(
        desk,
        "CREATE TRIGGER refuse BEFORE INSERT ON spot_check_answers BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    )
    with pytest.raises(StorageError, match="disk full"):
        desk.answer(photo, "cat")
    assert desk.check.now().waiting == [photo]
    edit(desk, "DROP TRIGGER refuse")
    desk.answer(photo, "cat")
    assert desk.counted == [(photo, "cat")]


def test_photos_that_only_another_process_knows(open_desk):
    """It was opened after photos were added to the folder."""
    newer = open_desk(20)
    older = open_desk(10)
    drawn = newer.draw(20)
    for photo in drawn:
        newer.answer(photo, "cat")
    assert older.counted == [(photo, "cat") for photo in drawn if photo < 10]
    assert older.check.now().answered == 10
    assert len(older.check.now().rounds[0].population) == 10


def test_photos_that_are_added_later_can_be_drawn(open_desk):
    older = open_desk(10)
    for photo in older.draw(10):
        older.answer(photo, "cat")
    newer = open_desk(12)
    assert newer.check.now().rounds[0].population.tolist() == [True] * 10 + [False] * 2
    assert sorted(newer.draw(5)) == [10, 11]


def test_the_population_is_kept_as_bits(desk):
    """Which photos a draw was from can be checked by others."""
    desk.labels.assign([1], "cat")
    desk.draw(1)
    with closing(sqlite3.connect(desk.path)) as db:
        [(population,)] = db.execute("SELECT population FROM spot_check_rounds")
    bits = np.unpackbits(np.frombuffer(zlib.decompress(population), np.uint8))
    assert bits[:10].tolist() == [1, 0, *[1] * 8]
