"""What a person takes away."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from handlens.errors import TrainingError
from handlens.studio.collection.models import NO_MODEL, Models
from handlens.studio.takeaway import model_card, write_csv, write_folders


class TakingAway(Models):
    """Labels, predictions, photos in folders, and the model."""

    def export_labels(self, path: Path | str) -> None:
        """Write the labelled photos as CSV: path, label."""
        table = pd.DataFrame({"path": self.paths, "label": self.labels.to_numpy()})
        write_csv(table.dropna(subset="label"), path)

    def export_predictions(self, path: Path | str) -> None:
        """Write `predictions()` as CSV."""
        write_csv(self.predictions(), path)

    def export_folders(self, path: Path | str) -> None:
        """Write a zip of the labelled photos in folders by label."""
        write_folders(self.images, self.paths, self.labels, path)

    def export_model(self, path: Path | str) -> None:
        """Write the model in use as a folder that `handlens predict` uses without Studio, with its model card.

        A card that is there already keeps what people answered. Raises TrainingError before training.
        """
        from handlens.core.artifact import load_artifact, save_artifact
        from handlens.studio.predictor import KIND

        kind = self.model
        kept = self._kept_report(kind) if kind else None
        if kept is None:
            raise TrainingError(NO_MODEL)
        assert self.report is not None
        card = model_card(self.name, self.report).for_export(Path(path))
        tuned = self._tuned(kept) if kind == "fine-tuned" else None
        if tuned is not None:
            tuned.export(Path(path), self._called_now(tuned.classes, kept), card=card)
            return
        config, tensors = load_artifact(self.folder / "model", KIND)
        classes = self._called_now(config["classes"], kept)
        save_artifact(Path(path), KIND, config | {"classes": classes}, tensors, card=card)
