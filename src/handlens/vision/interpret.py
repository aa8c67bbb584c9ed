"""Interpretation of pictures: the largest losses, each drawn with its heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from handlens.core.display import shown_once
from handlens.core.interpret import Interpretation
from handlens.core.labels import CategoryList
from handlens.vision.dataset import OnPictures
from handlens.vision.heatmap import check_has_heat_maps
from handlens.vision.heatmap import heatmap as heatmap_of
from handlens.vision.results import draw_on_pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ImageInterpretation(Interpretation):
    """What a model predicts for labelled pictures, each drawn with its heat map; made by `from_learner`.

    `handlens.vision.Interpretation` is the same class. Everything but the drawing is that of
    `handlens.core.interpret.Interpretation`.

    Example:
        >>> from PIL import Image as Pillow
        >>> from handlens.vision import ImageItemList, create_cnn
        >>> for i in range(8):
        ...     Pillow.new("RGB", (32, 32), ("red", "blue")[i % 2]).save(f"{('red', 'blue')[i % 2]}_{i}.png")
        >>> items = ImageItemList.from_folder(".").split_by_idx([0, 1]).label_from_re(r"([a-z]+)_")
        >>> learn = create_cnn(items.databunch(bs=4), "mobilenetv2_035", pretrained=False, seed=0)
        >>> figure = ImageInterpretation.from_learner(learn).plot_top_losses(2, heatmap=False)
        >>> len(figure.axes)
        2
    """

    def plot_top_losses(
        self,
        k: int,
        *,
        heatmap: bool | None = None,
        layer: nn.Module | str | None = None,
        method: str = "gradcam",
        figsize: tuple[float, float] | None = None,
    ) -> Figure:
        """Draw the k pictures with the largest losses: predicted / actual / loss / probability of the actual class.

        Masks stand side by side, the right one on the left; of points the right ones are blue and those predicted
        yellow.

        Args:
            k: how many pictures.
            heatmap: draw the heat map of the predicted class over each picture; see `handlens.vision.heatmap`. Unless
                given, where labels are neither masks nor points, of which there are none.
            layer, method: as there.
            figsize: width and height of the figure in inches.

        Returns:
            The figure.

        Raises:
            DataError: `heatmap` is True for masks or points.
        """
        from matplotlib import pyplot as plt

        losses, positions = self.top_losses(k)
        if isinstance(self.learn.data.y, OnPictures):
            if heatmap:
                check_has_heat_maps(self.learn)
            shown = []
            for position in positions.tolist():
                picture, actual = self.dataset[position]
                found = self.learn.data.y.label_on(self.predicted[position : position + 1], picture.size)
                shown.append((picture, actual, found))
            return draw_on_pictures(shown, titles=[f"loss {loss:.3g}" for loss in losses.tolist()], figsize=figsize)
        columns = min(len(losses), max(1, round(len(losses) ** 0.5)))
        rows = -(-len(losses) // columns)
        figure, axes = plt.subplots(
            rows, columns, figsize=figsize or (3.2 * columns, 3.4 * rows), squeeze=False, layout="constrained"
        )
        for ax in axes.flat:
            ax.set_axis_off()
        y = self.learn.data.y
        names = y.decode(self.predicted[positions])
        for ax, loss, position, name in zip(axes.flat, losses.tolist(), positions.tolist(), names, strict=False):
            picture, actual = self.dataset[position]
            title = f"{name} / {actual} / {loss:.2f}"
            one_class = isinstance(y, CategoryList)
            if one_class:
                title += f" / {float(self.preds[position, self.targets[position]]):.2f}"
            if heatmap is None or heatmap:
                cat = name if one_class else None
                heatmap_of(self.learn, picture, cat=cat, layer=layer, method=method).show(ax)
            else:
                picture.show(ax)
            ax.set_title(title, fontsize="small", parse_math=False)
        figure.suptitle("predicted / actual / loss" + (" / probability" if isinstance(y, CategoryList) else ""))
        return shown_once(figure)
