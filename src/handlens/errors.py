"""The errors that handlens raises on purpose: each says what was required, what arrived, and what to do."""

__all__ = [
    "ArtifactError",
    "AuditError",
    "BackboneError",
    "Cancelled",
    "CollectionError",
    "DataError",
    "DownloadError",
    "ExperimentError",
    "ExportError",
    "FolderGoneError",
    "HandlensError",
    "ImportProblem",
    "LayerError",
    "NotFittedError",
    "PhotoError",
    "PluginError",
    "ShardError",
    "StorageError",
    "TableError",
    "TrainingError",
    "UploadError",
    "WeightsError",
]


class HandlensError(Exception):
    """Any error that handlens raises on purpose.

    Example:
        >>> from handlens.tabular.rossmann import prepare
        >>> try:
        ...     prepare("nowhere")
        ... except HandlensError as error:  # whatever handlens refuses
        ...     print(type(error).__name__)
        TableError
    """


class CollectionError(HandlensError):
    """A collection cannot be made or opened, or cannot do what was asked of it.

    Example:
        >>> from handlens.studio import Collection
        >>> Collection.open("nowhere")
        Traceback (most recent call last):
        handlens.errors.CollectionError: ...
    """


class FolderGoneError(CollectionError):
    """The folder of a collection's photos is gone: it was moved, or its disk is not plugged in.

    Example:
        >>> issubclass(FolderGoneError, CollectionError)  # so `except CollectionError` catches it too
        True
    """


class ImportProblem(CollectionError):
    """Nothing can be imported from a file or folder; the collection has not changed.

    Example:
        >>> from pathlib import Path
        >>> from handlens.studio.formats import PhotoNames, importers
        >>> Path("labels.csv").touch()
        >>> importers()["csv"].read(Path("labels.csv"), PhotoNames(["a.jpg"]))
        Traceback (most recent call last):
        handlens.errors.ImportProblem: ...
    """


class PhotoError(HandlensError):
    """One photo cannot be used; the message is the reason shown under "left out".

    Example:
        >>> str(PhotoError("it is not a picture"))  # as in `Collection.left_out`
        'it is not a picture'
    """


class UploadError(HandlensError):
    """An uploaded file or zip is refused; nothing was written outside the upload's folder.

    Example:
        >>> issubclass(UploadError, HandlensError)
        True
    """


class BackboneError(HandlensError):
    """No network has the name that was given, or it cannot give features of its layers.

    Example:
        >>> from handlens.studio.features import backbone_extractor
        >>> backbone_extractor("no-such-network", random=True)
        Traceback (most recent call last):
        handlens.errors.BackboneError: ...
    """


class ExperimentError(HandlensError):
    """A study of experiments cannot be run, read or stored, or was asked for something it does not have.

    Example:
        >>> from handlens.experiments import Study
        >>> Study("runs", metric="error", direction="sideways")
        Traceback (most recent call last):
        handlens.errors.ExperimentError: ...
    """


class ShardError(HandlensError):
    """Photos cannot be embedded into shards, or shards are missing, damaged, or from a newer version.

    Example:
        >>> from handlens.scale import ShardSet
        >>> ShardSet.open("nowhere")
        Traceback (most recent call last):
        handlens.errors.ShardError: ...
    """


class DownloadError(HandlensError):
    """Pretrained weights or a data set could not be downloaded.

    Example:
        >>> from handlens.vision import untar_data
        >>> try:
        ...     folder = untar_data("http://127.0.0.1:1/photos.tgz", folder="sets")
        ... except DownloadError:
        ...     folder = None  # no network: go on without
    """


class WeightsError(HandlensError):
    """A weights file does not fit the network it was given for.

    Example:
        >>> from pathlib import Path
        >>> from handlens.studio.features import backbone_extractor
        >>> _ = Path("weights.safetensors").write_text("not weights")
        >>> backbone_extractor("mobilenetv2_035", weights=Path("weights.safetensors"))
        Traceback (most recent call last):
        handlens.errors.WeightsError: ...
    """


class StorageError(HandlensError):
    """The disk refused a write; nothing that was saved before is lost.

    Example:
        >>> issubclass(StorageError, HandlensError)
        True
    """


class TrainingError(HandlensError):
    """Training cannot begin or go on with these data, labels or arguments.

    Example:
        >>> issubclass(TrainingError, HandlensError)
        True
    """


class ArtifactError(HandlensError):
    """A folder is not a saved model, is damaged, or comes from a newer version.

    Example:
        >>> from handlens.tabular import load_learner
        >>> load_learner(".")
        Traceback (most recent call last):
        handlens.errors.ArtifactError: ...
    """


class TableError(HandlensError):
    """A table, or a column of it, is not as required; the message names it and says what to do.

    Example:
        >>> import pandas as pd
        >>> from handlens.tabular import add_datepart
        >>> add_datepart(pd.DataFrame({"Day": ["2015-07-31"]}), "Date")
        Traceback (most recent call last):
        handlens.errors.TableError: ...
    """


class NotFittedError(HandlensError):
    """A preprocessor was asked to replay before it was fitted on training rows.

    Example:
        >>> import pandas as pd
        >>> from handlens.tabular import Categorify
        >>> Categorify(["shop"], [])(pd.DataFrame({"shop": ["a"]}), test=True)
        Traceback (most recent call last):
        handlens.errors.NotFittedError: ...
    """


class DataError(HandlensError, ValueError):
    """Items cannot be split, labelled or put into batches in the way that was asked for. It is a ValueError too.

    Example:
        >>> from handlens.vision import open_image
        >>> open_image("absent.jpg")
        Traceback (most recent call last):
        handlens.errors.DataError: ...
    """


class ExportError(HandlensError):
    """A model cannot be written in another format, or what was written does not compute the same.

    Example:
        >>> issubclass(ExportError, HandlensError)
        True
    """


class AuditError(HandlensError):
    """An audit cannot be made of what was given; the message names the argument and says what to do.

    Example:
        >>> from handlens.audit import subgroups
        >>> subgroups([], [], [])
        Traceback (most recent call last):
        handlens.errors.AuditError: y_true must have rows; it is empty.
    """


class PluginError(HandlensError):
    """A plugin cannot be loaded, or it is not what its kind requires.

    Example:
        >>> try:
        ...     raise PluginError("the plugin acme-boxes could not be loaded: No module named 'acme'.")
        ... except HandlensError as error:  # as all errors of handlens are
        ...     print(error)
        the plugin acme-boxes could not be loaded: No module named 'acme'.
    """


class Cancelled(HandlensError):
    """A long run was cancelled; what is done stays, and a later run resumes it.

    Example:
        >>> import threading
        >>> from pathlib import Path
        >>> from handlens.studio import Collection
        >>> from handlens.studio.builtin import write_builtin
        >>> names = write_builtin("digits", Path("digits"))
        >>> stop = threading.Event()
        >>> stop.set()
        >>> with Collection.create("collection", images="digits") as collection:
        ...     collection.prepare(cancel=stop)
        Traceback (most recent call last):
        handlens.errors.Cancelled: ...
    """


class LayerError(HandlensError):
    """A layer cannot be inspected: it did not run, has no positions in the picture, or the method does not fit it.

    Example:
        >>> issubclass(LayerError, HandlensError)
        True
    """
