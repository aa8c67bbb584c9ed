"""The errors handlens raises on purpose: each says what was required, what arrived and what to do."""

__all__ = [
    "ArtifactError",
    "AuditError",
    "BackboneError",
    "Cancelled",
    "CollectionError",
    "DataError",
    "DownloadError",
    "ExportError",
    "HandlensError",
    "LayerError",
    "NotFittedError",
    "PhotoError",
    "StorageError",
    "TableError",
    "TrainingError",
    "UploadError",
    "WeightsError",
]


class HandlensError(Exception):
    """Any error that handlens raises on purpose."""


class CollectionError(HandlensError):
    """A collection cannot be made, opened or asked for what it was asked."""


class PhotoError(HandlensError):
    """One photo cannot be used; the message is the reason shown under "left out"."""


class UploadError(HandlensError):
    """An uploaded file or zip is refused; nothing was written outside the upload's folder."""


class BackboneError(HandlensError):
    """No network has the name that was given, or it cannot give features of its layers."""


class DownloadError(HandlensError):
    """Pretrained weights or a data set could not be had from the network."""


class WeightsError(HandlensError):
    """A weights file does not fit the network it was given for."""


class StorageError(HandlensError):
    """The disk refused a write; nothing that was acknowledged is lost."""


class TrainingError(HandlensError):
    """The labels at hand cannot train or separate anything yet."""


class ArtifactError(HandlensError):
    """A saved model is not one, is damaged, or comes from a newer version."""


class TableError(HandlensError):
    """A table, or a column of it, is not what was asked for; the message names it and the remedy."""


class NotFittedError(HandlensError):
    """A preprocessor was asked to replay before it was fitted on training rows."""


class DataError(HandlensError):
    """Items cannot be split, labelled or put into batches as was asked."""


class ExportError(HandlensError):
    """A model cannot be written in another format, or what was written does not compute the same."""


class AuditError(HandlensError):
    """An audit cannot be made of what was given; the message names the argument and the remedy."""


class Cancelled(HandlensError):
    """The person cancelled a long run; what was done stays and a later run resumes it."""


class LayerError(HandlensError):
    """A layer cannot be looked into as was asked: it did not run, keeps no places, or the method does not fit."""
