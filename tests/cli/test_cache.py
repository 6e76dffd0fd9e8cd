"""``igo cache`` and what ``igo doctor`` says of it."""

import pytest

from igo import cli
from igo.painting.engines import cache


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def write(folder):
        (folder / "model.bin").write_bytes(bytes(3_000_000))
        return {"structure": 0}

    cache.keep("one", write)
    return tmp_path / "igo" / "engines"


def test_it_is_shown_and_cleared(kept, capsys):
    assert cli.run_command(["cache"]) == 0
    assert cli.run_command(["cache", "clear"]) == 0
    assert cli.run_command(["cache", "show"]) == 0
    shown, cleared, empty = capsys.readouterr().out.splitlines()
    assert shown == f"1 converted models, 3.0 MB, in {kept}"
    assert cleared == f"taken away: 3.0 MB of converted models, from {kept}"
    assert empty == f"0 converted models, 0 bytes, in {kept}"
    assert not list(kept.iterdir())


def test_what_is_kept_is_there_whole_or_not_at_all(kept):
    def broken(folder):
        (folder / "model.bin").write_bytes(b"half")
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        cache.keep("two", broken)
    assert [path.name for path in kept.iterdir()] == ["one"]
    place, noted = cache.find("one")
    assert noted == {"structure": 0}
    first = place.stat().st_ino
    again, _ = cache.keep("one", lambda folder: {"structure": 1})
    assert again.stat().st_ino == first, "another process was faster, and its folder stays"
    (place / "about.json").write_text("[]")
    assert cache.find("one") is None
    assert not list(kept.iterdir())
