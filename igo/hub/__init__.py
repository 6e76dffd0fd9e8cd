"""What is asked of a model hub: the wanted files of a repository, laid into huggingface_hub's own cache.

One short question says whether the hub can be reached. Where it can't, what lies in the cache is taken; where nothing
does, one line says so.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import Any

from igo.errors import CheckpointError

PATIENCE = 5.0
"""Seconds in which a hub that can be reached has answered."""
Look = Callable[[str], Path]
"""Fetches one file of a repository, to look into it."""


def is_name(text: str) -> bool:
    """Whether a text can be a hub's ``owner/name``. What has no "/" is a file's name, or mistyped."""
    if text.count("/") != 1:
        return False
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(text)
    except HFValidationError:
        return False
    return True


def fetch(name: str, wanted: Callable[[Sequence[str], Look], Sequence[str]], revision: str | None = None) -> Path:
    """The folder in the cache that has the wanted files of a repository; its name is the commit.

    ``wanted`` is given the names of all files that are there, and what fetches one of them; it answers with those that
    are needed. Where the hub can't be reached it isn't asked, and the folder has what was fetched before. ``revision``
    is a branch, tag or commit. Raises ``CheckpointError``, one line.
    """
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download

    with _quietly():
        try:
            about = HfApi().model_info(name, revision=revision, timeout=PATIENCE)
        except Exception as error:
            if (refusal := _refusal(name, revision, error)) is not None:
                raise CheckpointError(refusal) from error
            return _cached(name, revision, error)
        files = sorted(file.rfilename for file in about.siblings or ())
        bars = _bars()
        with _resumable(name):
            needed = wanted(files, lambda file: Path(hf_hub_download(name, file, revision=about.sha, tqdm_class=bars)))
            patterns = [escape(file) for file in needed]
            return Path(snapshot_download(name, revision=revision, allow_patterns=patterns, tqdm_class=bars))


def sizes(name: str, revision: str) -> dict[str, int]:
    """How many bytes the files of a repository have; empty where the hub doesn't tell."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    try:
        with _quietly():
            told = list(HfApi().list_repo_tree(name, recursive=True, revision=revision))
    except Exception:  # it told the names just now, and what a download takes is a help, no more
        return {}
    return {one.path: one.size for one in told if isinstance(one, RepoFile)}


def _refusal(name: str, revision: str | None, error: Exception) -> str | None:
    """What a hub means that has answered; ``None`` where it hasn't."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return f"{name!r} is open to those alone who have accepted its terms on the hub; do, and set HF_TOKEN"
    if isinstance(error, RepositoryNotFoundError):
        return f"there is no {name!r} on the hub, or it is private; look at the name, or set HF_TOKEN if it is yours"
    if isinstance(error, RevisionNotFoundError):
        return f"{name!r} has no revision {revision!r} on the hub; name a branch, a tag or a commit of it"
    if isinstance(error, HFValidationError):
        return f"{name!r} can't be a name on a hub; expected owner/name"
    if isinstance(error, HfHubHTTPError) and error.response.status_code < 500:
        return f"the hub refuses {name!r}: {_reason(error)}"
    return None


def _cached(name: str, revision: str | None, error: Exception) -> Path:
    """The folder with what was fetched before. Raises ``CheckpointError`` if that is nothing."""
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        cache = scan_cache_dir(constants.HF_HUB_CACHE)
        repositories = [one for one in cache.repos if one.repo_type == "model" and one.repo_id == name]
    except CacheNotFound:
        repositories = []
    for known in (one for repository in repositories for one in repository.revisions):
        if known.commit_hash == revision or (revision or "main") in known.refs:
            return known.snapshot_path
    which = name if revision is None else f"{name}@{revision}"
    if constants.HF_HUB_OFFLINE:
        raise CheckpointError(f"{which!r} isn't in the cache, and HF_HUB_OFFLINE forbids to ask the hub for it")
    raise CheckpointError(
        f"{which!r} isn't in the cache, and the hub {constants.ENDPOINT} can't be reached ({_reason(error)}); "
        "look at the network, or name a folder"
    ) from error


@contextmanager
def _resumable(name: str) -> Iterator[None]:
    """Whatever stops a download, as one line."""
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(
            f"the download of {name!r} stopped ({_reason(error)}); ask for it again, and it goes on from there"
        ) from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _bars() -> Any:
    """Progress bars for people: nobody watches a file or a pipe."""
    from huggingface_hub.utils.tqdm import tqdm

    class Unseen(tqdm):
        def __init__(self, *positional: Any, **named: Any) -> None:
            super().__init__(*positional, **{**named, "disable": True})  # type: ignore[no-untyped-call]

    return tqdm if sys.stderr.isatty() or "ipykernel" in sys.modules else Unseen


@contextmanager
def _quietly() -> Iterator[None]:
    """Without a line for each try that failed."""
    from huggingface_hub.utils import logging as hub_logging

    level = hub_logging.get_verbosity()
    hub_logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        hub_logging.set_verbosity(level)
