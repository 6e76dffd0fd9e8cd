"""Fixtures for the bundled plugins."""

import pytest

from igo_plugins.styling import mask_models
from tests.builders.masks import Boxes


@pytest.fixture
def boxes(monkeypatch):
    """A text-mask model that knows by heart where things are, loaded in place of any other."""
    made = Boxes()
    monkeypatch.setattr(mask_models, "load", lambda name, runtime: made)
    return made
