"""Where pictures go: into the batch's folder, or wherever fsspec reaches."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from igo.errors import ImageError, SettingsError
from igo.files import reason

if TYPE_CHECKING:
    from igo import Look


def is_url(name: str) -> bool:
    """Whether a picture's name is one that fsspec reads, and none in the batch's folder."""
    return "://" in name


def check_place(url: str) -> None:
    """Raise ``SettingsError`` for what is no URL, or one of a kind that fsspec doesn't know or lacks a package for."""
    import fsspec

    if not is_url(url):
        raise SettingsError(f"pictures is {url!r}; expected a URL such as s3://bucket/looks")
    try:
        fsspec.core.url_to_fs(url)
    except (ImportError, ValueError, OSError) as error:
        raise SettingsError(f"pictures is {url!r}, which can't be reached: {reason(error)}") from error


def save(look: Look, index: int, folder: Path, name: str) -> str:
    """Write picture ``index`` of a look under ``name``, in ``folder`` unless it is a URL, and give its SHA-256.

    Raises ``ImageError``; of a place that takes none, with an ``OSError`` as its cause.
    """
    if not is_url(name):
        look.save_frame(index, folder / name)
        return hashlib.sha256((folder / name).read_bytes()).hexdigest()
    import fsspec

    stream = BytesIO()
    look.save_frame(index, stream, format=PurePosixPath(name).suffix)
    data = stream.getvalue()
    try:
        files, path = fsspec.core.url_to_fs(name)
        files.makedirs(files._parent(path), exist_ok=True)
        files.pipe_file(path, data)  # at once: object stores show a whole object or none
    except Exception as error:
        cause = error if isinstance(error, OSError) else OSError(str(error))
        raise ImageError(f"{name!r} can't be written: {reason(error)}; run again when it can") from cause
    return hashlib.sha256(data).hexdigest()
