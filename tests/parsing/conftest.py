"""Parsers that are loaded once."""

import pytest

import igo
from igo_plugins.parsing.parser import load
from tests.builders import segformers


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """A folder for each set of labels, with random weights in the layout of published parsers."""
    root = tmp_path_factory.mktemp("parsers")
    return {name: segformers.save(root / name, labels, 96, 64) for name, labels in segformers.SETS.items()}


@pytest.fixture
def parsers(folders):
    """By set of labels, a parser loaded anew."""
    runtime = igo.Runtime("cpu")
    return {name: load(str(folder), runtime) for name, folder in folders.items()}
