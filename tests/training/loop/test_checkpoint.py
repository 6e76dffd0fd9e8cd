"""Checkpoints on disk."""

import pickle

import pytest
import torch

from igo.errors import CheckpointError
from igo.training.loop import checkpoint


def test_a_state_comes_back(tmp_path):
    checkpoint.save(tmp_path / "new" / "state.pt", {"step": 3, "weights": {"a": torch.ones(2)}})
    state = checkpoint.load(tmp_path / "new" / "state.pt")
    assert state["step"] == 3
    assert torch.equal(state["weights"]["a"], torch.ones(2))


def test_a_kill_while_writing_leaves_the_previous_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    checkpoint.save(path, {"step": 1})

    def killed(state, file):
        file.write(b"half a checkpoint")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(path, {"step": 2})
    assert checkpoint.load(path) == {"step": 1}


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "state.pt").write_bytes(b"half a checkpoint")
    with pytest.raises(CheckpointError, match=r"state\.pt.*delete it to start anew"):
        checkpoint.load(tmp_path / "state.pt")


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    class Attack:
        def __reduce__(self):
            return (print, ("code ran",))

    (tmp_path / "state.pt").write_bytes(pickle.dumps({"step": Attack()}))
    with pytest.raises(CheckpointError):
        checkpoint.load(tmp_path / "state.pt")
