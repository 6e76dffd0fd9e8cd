"""A base that needs no torch, garments to wear, and what breaks a row."""

import json

import pytest
from PIL import Image

CHAIN = '[[step]]\nuse = "igo.testing:PaintedBase"\n'


@pytest.fixture
def chain(tmp_path):
    path = tmp_path / "chain.toml"
    path.write_text(CHAIN)
    return path


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.new("RGB", (40, 60), (120, 90, 200)).save(path)
    return path


@pytest.fixture
def written(tmp_path):
    """Write a plan of rows as JSONL."""

    def write(*rows, name="plan.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write
