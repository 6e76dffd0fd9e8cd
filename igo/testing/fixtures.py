"""A pytest plugin: ``pytest_plugins = ["igo.testing.fixtures"]`` in the topmost ``conftest.py``."""

from __future__ import annotations

import pytest

import igo
from igo.testing import DrawnFigure, draw_figure


@pytest.fixture(scope="session")
def mini_base() -> igo.TextToImage:
    """The base that paints with `mini`. Give ``num_inference_steps=2`` where the picture need not be a good one."""
    return igo.TextToImage("mini")


@pytest.fixture(scope="session")
def mini_runtime() -> igo.Runtime:
    """A runtime on the CPU for all tests: ``igo.Chain(mini_base, ..., runtime=mini_runtime)`` loads `mini` once."""
    return igo.Runtime("cpu")


@pytest.fixture(scope="session")
def drawn_figure() -> DrawnFigure:
    """A woman in a plain red hoodie and plain blue jeans, 128×192; see ``igo.testing.draw_figure`` for others."""
    return draw_figure(
        gender="woman",
        top="hoodie",
        top_color="red",
        top_pattern="plain",
        bottom="jeans",
        bottom_color="blue",
        bottom_pattern="plain",
    )
