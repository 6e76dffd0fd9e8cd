"""Digests of large files are remembered for as long as the files stay, and never believed otherwise."""

import hashlib
import os
import threading

import pytest

from igo import embedded
from igo.files import digests
from igo.files.digests import LARGE, file_digest
from igo.painting.checkpoints.digests import digest


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "igo" / "digests"


@pytest.fixture
def large(tmp_path):
    """A file that was written a while ago."""
    path = tmp_path / "large.safetensors"
    path.write_bytes(bytes(LARGE))
    return path


@pytest.fixture
def later(monkeypatch):
    monkeypatch.setattr(digests, "SETTLED", -1.0)


def plain(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def once(monkeypatch):
    """Let files be read no more."""
    monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("read again"))


def test_a_large_file_is_read_once(large, cache, later, monkeypatch):
    expected = plain(large)
    assert file_digest(large) == expected
    once(monkeypatch)
    assert file_digest(large) == expected
    assert len(list(cache.iterdir())) == 1


def test_what_has_changed_is_read_again(large, cache, later):
    before, times = file_digest(large), large.stat()
    content = bytearray(large.read_bytes())
    content[7] = 1
    large.write_bytes(content)
    os.utime(large, ns=(times.st_atime_ns, times.st_mtime_ns))  # as tools that keep times do
    assert file_digest(large) == plain(large) != before


def test_what_was_written_just_now_is_not_believed_to_stay(large, cache):
    assert file_digest(large) == plain(large)
    assert not cache.exists()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"1 2 3 4 " + b"0" * 64, b"x" * 100_000])
def test_a_damaged_memory_is_ignored(large, cache, later, content):
    file_digest(large)
    (memory,) = cache.iterdir()
    memory.write_bytes(content)
    assert file_digest(large) == plain(large)
    assert memory.read_bytes() != content


def test_a_cache_that_cannot_be_written_is_none(large, tmp_path, monkeypatch, later):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert file_digest(large) == plain(large)


def test_many_at_once_leave_one_whole_memory(large, cache, later):
    found = []
    threads = [threading.Thread(target=lambda: found.append(file_digest(large))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {plain(large)}
    (memory,) = cache.iterdir()
    assert memory.read_text().endswith(f" {plain(large)}")


def test_weights_that_are_not_loaded_do_not_count(tmp_path):
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text("{}")
    (tmp_path / "unet" / "weights.safetensors").write_bytes(b"weights")
    before = digest(tmp_path, ["unet/weights.safetensors"])
    (tmp_path / "unet" / "weights.fp16.safetensors").write_bytes(b"half")
    (tmp_path / "README.md").write_text("a card")
    assert digest(tmp_path, ["unet/weights.safetensors"]) == before
    assert digest(tmp_path, ["unet/weights.fp16.safetensors"]) != before
    (tmp_path / "unet" / "config.json").write_text("[]")
    assert digest(tmp_path, ["unet/weights.safetensors"]) != before


def test_minis_identity_is_that_of_earlier_records():
    """All of its files count, as they did when all files of a folder did."""
    folder = embedded.path("base")
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in (".safetensors", ".json", ".txt")]
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.relative_to(folder).as_posix()} {plain(path)}\n".encode())
    weights = [path.relative_to(folder).as_posix() for path in files if path.suffix == ".safetensors"]
    assert digest(folder, weights) == f"sha256:{total.hexdigest()}"
