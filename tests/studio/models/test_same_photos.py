"""Which of several models is used, and what is said of them, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from handlens.studio.models.same_photos import SamePhotos, clearly_better


def right(n: int, *wrong: int) -> np.ndarray:
    return ~np.isin(np.arange(n), wrong)


@pytest.mark.parametrize(
    ("wins", "losses", "clear"),
    [
        (3, 0, False),  # chance: 1 / 8
        (4, 0, True),  # 1 / 16
        (5, 1, False),  # (1 + 6) / 64 = 0.109
        (6, 1, True),  # (1 + 7) / 128 = 0.0625
        (60, 49, False),
        (0, 0, False),
        (0, 4, False),
    ],
)
def test_what_chance_could_explain(wins, losses, clear):
    one, other = np.ones(wins + losses + 5, bool), np.ones(wins + losses + 5, bool)
    other[:wins] = False
    one[wins : wins + losses] = False
    assert clearly_better(one, other) == clear


def test_a_model_that_is_clearly_better_is_used():
    quick, tuned, both = right(60, *range(22)), right(60, *range(19)), right(60, *range(15))
    same = SamePhotos({"fine-tuned": tuned, "quick": quick, "both": both}, new="fine-tuned", checked=True)
    assert [same.best(kind) for kind in ("quick", "fine-tuned", "both")] == ["both", "both", "both"]
    assert same.sentence == (
        "Fine-tuning helps: of the same 60 checked photos the fine-tuned model gets 41 right, both together 45, and "
        "the quick model 38."
    )


def test_what_chance_could_explain_changes_nothing():
    quick, tuned, both = right(30, 0, 1, 2), right(30, 0), right(30, 0, 1)
    same = SamePhotos({"fine-tuned": tuned, "quick": quick, "both": both}, new="fine-tuned", checked=True)
    assert [same.best(kind) for kind in ("quick", "fine-tuned", "both")] == ["quick", "fine-tuned", "both"]
    assert same.sentence == (
        "Fine-tuning may help, but chance could explain that: of the same 30 checked photos the fine-tuned model gets "
        "29 right, both together 28, and the quick model 27."
    )


def test_a_quick_model_that_is_trained_again():
    quick, tuned, both = right(20), right(20, 0, 1, 2, 3), right(20, 5)
    same = SamePhotos({"quick": quick, "fine-tuned": tuned, "both": both}, new="quick", checked=True)
    assert [same.best(kind) for kind in ("quick", "fine-tuned", "both")] == ["quick", "quick", "both"]
    assert same.sentence == (
        "Fine-tuning does not help: of the same 20 checked photos the quick model gets 20 right, both together 19, and "
        "the fine-tuned model 16."
    )


def test_two_models_without_a_check():
    same = SamePhotos({"quick": right(4, 0), "fine-tuned": right(4, 1)}, new="quick", checked=False)
    # Together they are not there any more: others are compared with the new one.
    assert [same.best(kind) for kind in ("quick", "fine-tuned", "both")] == ["quick", "fine-tuned", "quick"]
    assert same.sentence == (
        "Fine-tuning does not help: of the same 4 labelled photos, which none had seen, the quick model gets 3 right, "
        "and the fine-tuned model 3. Photos that were drawn at random tell more: check 30."
    )
