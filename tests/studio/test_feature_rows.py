"""Features read in blocks, in half precision and in whole, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from handlens.studio import feature_rows, row_file
from handlens.studio.feature_rows import FeatureRows
from handlens.studio.row_file import RowFile


@pytest.mark.parametrize("kept_as", [np.float16, np.float32])
def test_blocks_chosen_rows_and_products_are_those_of_the_array(tmp_path, monkeypatch, kept_as):
    x = np.random.default_rng(0).standard_normal((23, 3)).astype(kept_as)
    stored = RowFile(tmp_path / "a", 3, kept_as)
    stored.append(x)
    monkeypatch.setattr(feature_rows, "_BLOCK", 12)  # four rows
    for rows in (FeatureRows(stored), FeatureRows(x)):
        assert (rows.shape, len(rows)) == ((23, 3), 23)
        np.testing.assert_array_equal(rows.block(5, 99), x[5:])
        np.testing.assert_array_equal(rows.at(np.array([22, 0, 0])), x[[22, 0, 0]])
        assert [len(block) for block in rows.blocks()] == [4, 4, 4, 4, 4, 3]
        np.testing.assert_allclose(rows.times(np.eye(3, 2, dtype=np.float32)), x[:, :2])
        np.testing.assert_allclose(rows.times(np.ones(3, np.float32)), x.astype(np.float32).sum(1), rtol=1e-5)
        assert rows.good().all()
    assert FeatureRows(stored, 0).times(np.ones(3, np.float32)).shape == (0,)


def test_rows_that_are_added_later_are_not_seen(tmp_path):
    stored = RowFile(tmp_path / "a", 1)
    stored.append([[1], [2]])
    rows = FeatureRows(stored, 5)
    stored.append([[3]])
    assert rows.block(0, 9).tolist() == [[1], [2]]
    assert rows.times(np.ones(1, np.float32)).tolist() == [1, 2]


def test_photos_without_features_are_known_by_their_checksums(tmp_path):
    stored = RowFile(tmp_path / "a", 2, np.float16)
    stored.append([[1, np.nan], [np.nan, np.nan], [0, 0], [np.nan, np.nan]])
    assert FeatureRows(stored).good().tolist() == [True, False, True, False]
    assert FeatureRows(stored, 2).good().tolist() == [True, False]


def test_rows_of_a_large_file_are_checked_when_they_are_read(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(row_file, "_CHECKED", 8)  # the last two rows
    RowFile(tmp_path / "a", 1).append([[1], [2], [3], [4], [5]])
    data = bytearray((tmp_path / "a").read_bytes())
    data[4] ^= 1
    (tmp_path / "a").write_bytes(data)
    stored = RowFile(tmp_path / "a", 1)
    assert stored.count == 5
    assert stored.block(2, 5).tolist() == [[3], [4], [5]]
    rows = FeatureRows(stored)
    np.testing.assert_array_equal(rows.at(np.array([2, 1])), [[3], [np.nan]])
    assert stored.count == 1
    assert len(rows) == 5
    assert "is damaged at row 1" in caplog.text
    stored.append([[7]])
    assert stored.read().tolist() == [[1], [7]]
