"""Batches on the page: a table or a zip is unpacked with care, painted row by row, and handed out as a zip."""

from __future__ import annotations

import shutil
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from queue import Empty, Queue
from threading import Event as Flag
from threading import Thread
from time import monotonic

import igo
from igo import batch
from igo.errors import IGOError, PlanError
from igo.page.files import new_folder
from igo.page.painting import BEAT, Painter

TABLES = (".csv", ".tsv", ".jsonl", ".toml", ".parquet")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".gif", ".heic", ".heif", ".ppm")
MOST_FILES = 2000
MOST_BYTES = 500 * 2**20
"""Of all that a zip holds, unpacked."""


@dataclass(frozen=True)
class Followed:
    """How far a batch is."""

    done: int
    total: int
    failed: int
    seconds: float
    last: str = ""
    """What became of the row before, in a line."""

    @property
    def left(self) -> float | None:
        """Seconds, by the pace so far."""
        return self.seconds / self.done * (self.total - self.done) if self.done else None


@dataclass
class Batch:
    """A plan that was uploaded and found good, in a folder of its own."""

    plan: batch.Plan
    chain: igo.Chain
    out: Path
    ended: Flag = field(default_factory=Flag)
    """Set by who wants no more than the row that is at work."""

    def follow(self, painter: Painter) -> Iterator[Followed]:
        """Paint it, each row in its turn among what others ask for, and tell how far it is.

        Raises ``IGOError``, as a batch does.
        """
        news, began = Queue[batch.Result | BaseException | None](), monotonic()

        def paint() -> None:
            results = batch.stream(self.plan, self.chain, self.out)
            try:
                while not self.ended.is_set():
                    with painter.turn():
                        result = next(results, None)
                    if result is None:
                        break
                    news.put(result)
                results.close()  # type: ignore[attr-defined]  # a generator
                news.put(None)
            except BaseException as error:
                news.put(error)

        told = Followed(0, len(self.plan), 0, 0)
        try:
            Thread(target=paint, name="igo-page-batch", daemon=True).start()
            while True:
                told = replace(told, seconds=monotonic() - began)
                yield told
                try:
                    result = news.get(timeout=BEAT)
                except Empty:
                    continue
                if isinstance(result, BaseException):
                    raise result
                if result is None:
                    return
                last = f"{result.id}: {result.error['message'] if result.error else result.status}"
                failed = told.failed + (result.status == "failed")
                told = replace(told, done=told.done + 1, failed=failed, last=last)
        finally:
            self.ended.set()

    def packed(self) -> Path:
        """All that was painted, and the journal, as a zip beside the folder."""
        return Path(shutil.make_archive(str(self.out.parent / "looks"), "zip", self.out))


def unpacked(upload: Path, folder: Path, prompt: str, chain: igo.Chain) -> Batch:
    """The batch in a table or a zip of one with pictures; of a zip without a table, each picture with ``prompt``.

    Raises ``PlanError`` for what is neither, for zips that would fill the disk or write elsewhere, and for tables that
    name files elsewhere or chains of their own; and what a plan raises.
    """
    place = new_folder(folder)
    (place / "in").mkdir()
    try:
        return Batch(_checked(_table(upload, place / "in", prompt), place / "in"), chain, place / "out")
    except IGOError:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _table(upload: Path, place: Path, prompt: str) -> Path:
    """The file of the plan, with what belongs to it in ``place``."""
    if upload.suffix.lower() in TABLES:
        return Path(shutil.copy(upload, place))
    if not zipfile.is_zipfile(upload):
        raise PlanError(
            f"a {upload.suffix or 'file without a suffix'} is no batch; expected a .zip or {', '.join(TABLES)}"
        )
    _unzip(upload, place)
    tables = sorted(path for path in place.rglob("*") if path.suffix.lower() in TABLES and path.is_file())
    tables = [path for path in tables if path.suffix.lower() != ".toml"] or tables  # which may be a chain's
    if len(tables) > 1:
        names = ", ".join(str(path.relative_to(place)) for path in tables[:5])
        raise PlanError(f"the zip has several tables ({names}); expected one, or none and pictures")
    if tables:
        return tables[0]
    made = place / "plan.csv"
    made.write_text(batch.plan_of(place, place, {"prompt": prompt} if prompt else {}), "utf-8")
    return made


def _unzip(upload: Path, place: Path) -> None:
    """Tables and pictures of a zip; other files stay in it."""
    try:
        with zipfile.ZipFile(upload) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            if len(entries) > MOST_FILES:
                raise PlanError(f"the zip has {len(entries):,} files; expected at most {MOST_FILES:,}")
            if (size := sum(entry.file_size for entry in entries)) > MOST_BYTES:
                raise PlanError(f"the zip holds {size / 2**20:,.0f} MB; expected at most {MOST_BYTES // 2**20} MB")
            for entry in entries:
                _check_name(entry)
                if PurePosixPath(entry.filename).suffix.lower() in (*TABLES, *PICTURES):
                    _copy(opened, entry, place)
    except PlanError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise PlanError(f"the zip can't be read ({' '.join(str(error).split())}); pack it again") from error


def _check_name(entry: zipfile.ZipInfo) -> None:
    """Raise ``PlanError`` for a name that leads out of the folder, and for what is no plain file."""
    windows, posix = PureWindowsPath(entry.filename), PurePosixPath(entry.filename)
    outside = windows.drive or windows.root or posix.is_absolute() or ".." in windows.parts or "\0" in entry.filename
    if outside or not entry.filename.isprintable():
        raise PlanError(f"the zip has a file called {entry.filename!r}; expected names of files within it")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise PlanError(f"the zip has a link, {entry.filename!r}; expected files")


def _copy(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Path) -> None:
    """Unpack a file, of which no more is written than its size says: that may be a lie."""
    to = place.joinpath(*PureWindowsPath(entry.filename).parts)
    to.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as source, to.open("xb") as file:
        left = entry.file_size
        while data := source.read(2**20):
            left -= len(data)
            if left < 0:
                raise PlanError(f"the zip lies about the size of {entry.filename!r}; pack it again")
            file.write(data)


def _checked(table: Path, place: Path) -> batch.Plan:
    """The plan in a table. Raises ``PlanError`` for rows that reach beyond what was uploaded."""
    try:
        plan = batch.read_plan(table)
    except PlanError as error:
        raise PlanError(str(error).replace(f"{place}/", ""), error.problems) from None
    for row in plan:
        if row.chain is not None:
            raise PlanError(f"row {row.number}, column 'chain': is given; the page paints by the chain that it shows")
        for name, path in row.pictures.items():
            if not Path(path).resolve().is_relative_to(place.resolve()):
                raise PlanError(
                    f"row {row.number}, column '{name}': names a file that was not uploaded; put it in the zip"
                )
    return plan
