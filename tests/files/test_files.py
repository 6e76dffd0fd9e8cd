"""Whatever a disk or a folder refuses is one line, before the work where that can be known, and leaves nothing."""

import errno
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from igo.errors import CheckpointError, ImageError, SettingsError
from igo.files import check_file, check_folder, text_of, write_whole, writing_whole

LINUX_ROOT = sys.platform == "linux" and os.geteuid() == 0


def mounted(folder, *options):
    """Whether a small file system could be mounted on ``folder``."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", folder], capture_output=True)
    return done.returncode == 0


@pytest.fixture
def places(tmp_path):
    """Paths that can't be written to, by what is wrong with them."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "itself.png").symlink_to("itself.png")
    (tmp_path / "one.png").symlink_to("other.png")
    (tmp_path / "other.png").symlink_to("one.png")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "device.png").symlink_to("/dev/null")
    return tmp_path


REFUSED = {
    "a link to itself": "itself.png",
    "links in a circle": "one.png",
    "a folder that is a link to itself": "round/look.png",
    "a file as a folder": "file/look.png",
    "a file as a folder above": "file/more/look.png",
    "a folder": "folder.png",
    "a device": "device.png",
    "a long name": f"{'long' * 99}.png",
    "a long folder": f"{'long' * 99}/look.png",
    "a NUL": "a\0.png",
    "a user who isn't known": "~nobody-who-is-known/a.png",
}


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED)
def test_a_place_that_takes_no_file_is_told_before_and_when_it_is_written(name, places):
    before = sorted(places.rglob("*"))
    told, place = [], name if name.startswith("~") else str(places / name)
    for attempt in (check_file, lambda path, kind: write_whole(path, b"x", kind)):
        with pytest.raises(ImageError) as caught:
            attempt(place, ImageError)
        told.append(str(caught.value))
        assert "\n" not in told[-1]
        assert repr(place) in told[-1]
    assert told[0] == told[1]
    assert sorted(places.rglob("*")) == before


@pytest.mark.parametrize("name", ["file", "round", "file/x", "long" * 99, "itself.png/x"])
def test_a_place_that_takes_no_folder_is_told_before(name, places):
    before = sorted(places.rglob("*"))
    with pytest.raises(SettingsError):
        check_folder(places / name)
    assert sorted(places.rglob("*")) == before


def test_a_place_that_takes_files_is_left_as_it_is(tmp_path):
    (tmp_path / "there.png").write_bytes(b"old")
    (tmp_path / "link.png").symlink_to("there.png")
    for name in ("there.png", "link.png", "new.png", "a/b/c.png", f"{'n' * 250}.png"):
        check_file(tmp_path / name)
    check_folder(tmp_path)
    check_folder(tmp_path / "a" / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.png", "there.png"]
    assert (tmp_path / "there.png").read_bytes() == b"old"
    write_whole(tmp_path / f"{'n' * 250}.png", b"x")
    write_whole(tmp_path / "link.png", b"new")
    assert (tmp_path / "there.png").read_bytes() == b"new"


def test_a_users_folder_is_theirs(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_whole("~/a/b.txt", b"x")
    assert Path("a/b.txt").read_bytes() == b"x"
    assert not Path("~").exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("how", ["python", "torch", "rust"])
def test_what_libraries_make_of_a_refusal_is_one_line(code, how, tmp_path):
    def fail():
        error = OSError(code, os.strerror(code))
        if how == "rust":
            raise Exception(f"Error while serializing: I/O error: {error.strerror} (os error {code})")
        try:
            raise error
        except OSError:
            if how == "torch":
                raise RuntimeError("unexpected pos 64 vs 0")  # noqa: B904  as its writer does
            raise

    write_whole(tmp_path / "a", b"old")

    def write():
        with writing_whole(tmp_path / "a", CheckpointError) as file:
            file.write(b"new")
            fail()

    with pytest.raises(CheckpointError, match=rf"a' can't be written: {os.strerror(code)}; "):
        write()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_error_of_the_work_passes(tmp_path):
    with pytest.raises(ZeroDivisionError), writing_whole(tmp_path / "a"):
        _ = 1 / 0
    with pytest.raises(ImageError, match="mine"), writing_whole(tmp_path / "a"):
        raise ImageError("mine")
    assert not list(tmp_path.iterdir())


def fill(path):
    """Write until the disk is full."""
    with suppress(OSError), path.open("wb", 0) as file:
        while file.write(bytes(4096)):
            pass


@pytest.mark.skipif(not LINUX_ROOT, reason="mounts file systems")
def test_disks_that_are_full_or_take_nothing(tmp_path):
    for name, options, reason in (
        ("full", ["size=64k"], "No space left"),
        ("reading", ["ro"], "Read-only file system"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        if not mounted(folder, *options):
            pytest.skip("may not mount file systems")
        try:
            if name == "full":
                fill(folder / "filler")
            for attempt in (lambda path: write_whole(path, bytes(9000)), check_file):
                for place in (folder / "look.png", folder / "new" / "look.png"):
                    with pytest.raises(SettingsError, match=rf"can't be written: {reason}"):
                        attempt(place)
            with pytest.raises(SettingsError, match=reason):
                check_folder(folder / "new" / "more")
            assert not list(folder.rglob("*.tmp"))
        finally:
            subprocess.run(["umount", folder], check=True)


TEXT = "a red hoodie\n# no\né 한국\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_texts_are_read_whatever_saved_them(encoding, newline, tmp_path):
    (tmp_path / "a.txt").write_bytes(TEXT.replace("\n", newline).encode(encoding))
    assert text_of(tmp_path / "a.txt", "words") == TEXT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("é".encode("latin-1"), "is not text in UTF-8 (at byte 0); expected words; save it as UTF-8"),
        ("가나다".encode("cp949"), "is not text in UTF-8 (at byte 0)"),
        (b"abc\0def", "is not text in UTF-8 (at character 3)"),
        ("가".encode("utf-16-le"), "is not text in UTF-8"),
        ("abc".encode("utf-16-le"), "is not text in UTF-8 (at character 1)"),
        (b"\xff\xfea", "is not text in UTF-8 (at byte 2)"),
        (None, "can't be read (No such file or directory); expected words"),
    ],
)
def test_what_is_no_text_is_one_line(content, message, tmp_path):
    path = tmp_path / "a.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        text_of(path, "words")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
