"""Fixtures that several test modules use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.builders import hub as hubs
from tests.builders import published, tiny
from tests.pages import ROOT


def pytest_collection_modifyitems(items):
    """The pages first, which take longest: at the end one of them would keep a core waiting for the other."""
    items.sort(key=lambda item: "test_docs" not in item.nodeid)


@pytest.fixture
def photo():
    """A picture with no two pixels alike, 37 x 53: no multiple of anything."""
    image = Image.new("RGB", (37, 53))
    image.putdata([(x * 6, y * 4, (x * y) % 256) for y in range(53) for x in range(37)])
    return image


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory):
    """A folder with a Stable Diffusion 1.5 in small, of random weights."""
    folder = tmp_path_factory.mktemp("tiny")
    return tiny.save_checkpoint(folder / "checkpoint", folder / "tokenizer")


@pytest.fixture(scope="session")
def tiny_inpaint_checkpoint(tmp_path_factory):
    """The same with nine channels, as inpainting checkpoints have."""
    folder = tmp_path_factory.mktemp("tiny-inpaint")
    return tiny.save_checkpoint(folder / "checkpoint", folder / "tokenizer", in_channels=9)


@pytest.fixture(scope="session")
def published_repositories(tmp_path_factory):
    """A folder with what published repositories hold, in small, as ``owner/name``."""
    root, scratch = tmp_path_factory.mktemp("published"), tmp_path_factory.mktemp("published-scratch")
    published.musinsaigo(root / "youngmki" / "musinsaigo-1.0", scratch / "base")
    published.inpainting(root / "stable-diffusion-v1-5" / "stable-diffusion-inpainting", scratch / "inpainting")
    published.clipseg(root / "CIDAS" / "clipseg-rd64-refined")
    published.xl_lora(root / "youngmki" / "musinsaigo-2.0")
    return root


@pytest.fixture
def hub(published_repositories, tmp_path, monkeypatch):
    """A hub on loopback with those repositories, from which this process loads into an empty cache."""
    with hubs.Hub(published_repositories).serving() as served:
        hubs.use(monkeypatch, served.endpoint, tmp_path / "hub-cache")
        yield served


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """IGO as others install it: the wheel that ``IGO_WHEEL`` names, or one of this tree."""
    if "IGO_WHEEL" in os.environ:
        return Path(os.environ["IGO_WHEEL"])
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([ROOT / ".ci" / "wheel", folder], check=True, env={**os.environ, "PYTHON": sys.executable})
    (built,) = folder.iterdir()
    return built
