"""Extras: packages that a part of handlens needs and a plain installation leaves out."""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple

from handlens.errors import HandlensError

__all__ = ["EXTRAS", "Extra", "missing", "require"]


class Extra(NamedTuple):
    """What `pip install 'handlens[NAME]'` adds.

    Attributes:
        brings: what it is for.
        modules: what is imported from it.

    Example:
        >>> EXTRAS["onnx"].modules
        ('onnx', 'onnxruntime', 'onnxscript')
    """

    brings: str
    modules: tuple[str, ...]


EXTRAS: dict[str, Extra] = {
    "onnx": Extra("models as ONNX files", ("onnx", "onnxruntime", "onnxscript")),
    "experiments": Extra("studies of many trainings, and their page", ("optuna", "sqlalchemy", "cloudpickle")),
    "ray": Extra("experiments, features and predictions on several machines", ("ray",)),
    "postgresql": Extra("experiments in a PostgreSQL database", ("psycopg",)),
    "mlflow": Extra("trainings written to MLflow", ("mlflow",)),
    "wandb": Extra("trainings written to Weights & Biases", ("wandb",)),
    "tensorboard": Extra("trainings written for TensorBoard", ("tensorboard",)),
    "cloud": Extra("photos at s3:// and gs:// addresses", ("gcsfs", "s3fs")),
    "pdf": Extra("photos from the pages of PDF documents", ("pypdfium2",)),
    "heic": Extra("photos in HEIC", ("pillow_heif",)),
    "dicom": Extra("photos in DICOM", ("pydicom",)),
    "text": Extra("search by words", ("tokenizers", "transformers")),
    "notebook": Extra("collections in notebooks", ("anywidget",)),
}
"""All of them, by name; a test compares them with pyproject.toml."""


def missing(extra: str) -> list[str]:
    """The modules of an extra that are not installed; none is imported.

    Example:
        >>> missing("onnx")
        []
    """
    return [module for module in EXTRAS[extra].modules if find_spec(module) is None]


def require(extra: str, what: str, error: type[HandlensError]) -> None:
    """Raise an error that names the extra unless it is installed.

    Args:
        extra: its name.
        what: the part that needs it, as the error begins.
        error: the class of the error.

    Raises:
        HandlensError: of the class `error`: a package of the extra is missing.

    Example:
        >>> require("onnx", "export_onnx", HandlensError)
    """
    absent = missing(extra)
    if absent:
        packages = f"the package {absent[0]}" if len(absent) == 1 else f"the packages {' and '.join(absent)}"
        are = "is" if len(absent) == 1 else "are"
        raise error(f"{what} needs {packages}, which {are} not installed: pip install 'handlens[{extra}]'.")
