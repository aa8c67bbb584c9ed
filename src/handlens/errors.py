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
    "LayerError",
    "NotFittedError",
    "PhotoError",
    "PluginError",
    "StorageError",
    "TableError",
    "TrainingError",
    "UploadError",
    "WeightsError",
]


class HandlensError(Exception):
    """Any error that handlens raises on purpose."""


class CollectionError(HandlensError):
    """A collection cannot be made or opened, or cannot do what was asked of it."""


class FolderGoneError(CollectionError):
    """The folder of a collection's photos is gone: it was moved, or its disk is not plugged in."""


class PhotoError(HandlensError):
    """One photo cannot be used; the message is the reason shown under "left out"."""


class UploadError(HandlensError):
    """An uploaded file or zip is refused; nothing was written outside the upload's folder."""


class BackboneError(HandlensError):
    """No network has the name that was given, or it cannot give features of its layers."""


class ExperimentError(HandlensError):
    """A study of experiments cannot be run, read or stored, or was asked for something it does not have."""


class DownloadError(HandlensError):
    """Pretrained weights or a data set could not be downloaded."""


class WeightsError(HandlensError):
    """A weights file does not fit the network it was given for."""


class StorageError(HandlensError):
    """The disk refused a write; nothing that was saved before is lost."""


class TrainingError(HandlensError):
    """Training cannot begin or go on with these data, labels or arguments."""


class ArtifactError(HandlensError):
    """A folder is not a saved model, is damaged, or comes from a newer version."""


class TableError(HandlensError):
    """A table, or a column of it, is not as required; the message names it and says what to do."""


class NotFittedError(HandlensError):
    """A preprocessor was asked to replay before it was fitted on training rows."""


class DataError(HandlensError, ValueError):
    """Items cannot be split, labelled or put into batches in the way that was asked for. It is a ValueError too."""


class ExportError(HandlensError):
    """A model cannot be written in another format, or what was written does not compute the same."""


class AuditError(HandlensError):
    """An audit cannot be made of what was given; the message names the argument and says what to do."""


class PluginError(HandlensError):
    """A plugin cannot be loaded, or it is not what its kind requires."""


class Cancelled(HandlensError):
    """A long run was cancelled; what is done stays, and a later run resumes it."""


class LayerError(HandlensError):
    """A layer cannot be inspected: it did not run, has no positions in the picture, or the method does not fit it."""
