"""Photos from archives, lists, patterns, s3:// and gs://, PDF documents, videos, scans and DICOM files."""

from handlens.studio.photo_sources.source import PhotoSource

__all__ = ["PhotoSource"]
