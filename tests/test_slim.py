"""Each part works without the packages that it does not need, which docs/install.md lists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "install.md").read_text(encoding="utf-8")

TABLES = """
import pandas as pd
from handlens.audit import subgroups
from handlens.core.saved import load_learner
from handlens.serving.app import create_app
from handlens.tabular import Categorify, TabularList, tabular_learner

frame = pd.DataFrame({"x": [0.0, 1, 2, 3, 4, 5], "c": list("ababab"), "y": [0.0, 2, 4, 6, 8, 10]})
items = TabularList.from_df(frame, cat_names=["c"], cont_names=["x"], procs=[Categorify]).split_by_idx([4, 5])
learn = tabular_learner(items.label_from_df("y").databunch(bs=2), layers=[4], seed=0)
learn.fit_one_cycle(1)
learn.export("model")
print(len(load_learner("model").predict_frame(frame)))
print(len(subgroups([1, 0], [1, 0], {"group": ["a", "b"]}, positive=1, small=1).frame) > 0)
"""

STUDIO = """
from pathlib import Path
from PIL import Image
from handlens.studio import Collection
from handlens.studio.server.app import create_app

Path("photos").mkdir()
for i in range(20):
    Image.new("RGB", (32, 32), (200 + i, 40, 40) if i < 10 else (40, 40, 200 + i)).save(f"photos/{i:02d}.png")
with Collection.create("collection", images="photos", backbone=None) as collection:
    collection.prepare()
    collection.map(collection.layers[0].id, "pca-1-2")
    collection.label(range(5), "red")
    collection.label(range(10, 15), "blue")
    collection.train()
    collection.export_model("model")
    print(len(collection.predictions()))
"""

PICTURES = """
from pathlib import Path
from PIL import Image
from handlens.vision import ImageItemList, create_cnn, get_transforms, heatmap, models

for i in range(8):
    file = Path("photos", "red" if i % 2 else "blue", f"{i}.png")
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64), (200, 40, 40) if i % 2 else (40, 40, 200)).save(file)
items = ImageItemList.from_folder("photos").split_by_idx([0, 1]).label_from_folder()
data = items.transform(get_transforms(), size=64).databunch(bs=2, num_workers=0)
learn = create_cnn(data, models.resnet18, pretrained=False, seed=0)
learn.fit(1, 1e-4)
heatmap(learn, data.valid_ds[0][0])
learn.export("model")
print(len(learn.get_preds()[0]))
"""

PARTS = {"tables, audits, `handlens serve`": TABLES, "Studio, without fine-tuning": STUDIO, "pictures": PICTURES}


def not_needed(part: str) -> list[str]:
    """What the page says that a part works without."""
    (row,) = re.findall(rf"^\| {re.escape(part)} \| (.*) \|$", PAGE, re.MULTILINE)
    return re.findall(r"`(\w+)`", row)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_works_without_what_it_does_not_need(part: str, tmp_path: Path) -> None:
    absent = not_needed(part)
    assert len(absent) >= 3
    code = f"import sys; sys.modules.update(dict.fromkeys({absent}))\n{PARTS[part]}"  # None: it cannot be imported
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
