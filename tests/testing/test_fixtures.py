"""The figure that tests get, and the pytest plugin."""

import subprocess
import sys

import numpy as np
import pytest

from igo.errors import SettingsError
from igo.testing import assert_color, draw_figure

pytest_plugins = ["pytester"]


def test_a_drawn_figure_is_the_same_in_every_run_and_known_by_parts():
    figure = draw_figure(7, top="hoodie", top_color="red")
    assert figure.image == draw_figure(7, top="hoodie", top_color="red").image
    assert figure.image.size == figure.labels.size == (128, 192)
    assert "red hoodie" in figure.prompt
    assert figure.figure.top == "hoodie"
    top, hair = (np.asarray(figure.mask(part)) for part in ("top", "hair"))
    assert set(np.unique(top)) == {0, 255}
    assert not (top & hair).any()
    assert (np.asarray(figure.mask("top", "hair")) == (top | hair)).all()
    assert draw_figure(7, 64, 96).image.size == (64, 96)
    with pytest.raises(SettingsError, match="there is no part 'tops'; did you mean 'top'"):
        figure.mask("tops")
    with pytest.raises(SettingsError, match="top_color cannot be 'reddish'"):
        draw_figure(7, top_color="reddish")


TEST = """
import igo
from igo.testing import assert_color

def test_figure(drawn_figure):
    assert_color(drawn_figure.image, "red", drawn_figure.mask("top"))
    assert_color(drawn_figure.image, "blue", drawn_figure.mask("bottom"))

def test_mini(mini_base, mini_runtime):
    chain = igo.Chain(mini_base, runtime=mini_runtime)
    assert chain.run("a red hoodie", seed=1, num_inference_steps=1, width=64, height=64).image.size == (64, 64)

def test_shared(mini_runtime):
    assert mini_runtime._shared.models
"""


def test_fixtures_are_there_for_who_names_the_plugin(pytester):
    pytester.makeconftest('pytest_plugins = ["igo.testing.fixtures"]')
    pytester.makepyfile(TEST)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=3)


def test_importing_the_kit_leaves_heavy_libraries_out():
    code = (
        "import sys, igo.testing; from igo.testing import PaintedBase, check_plugin;"
        "heavy = {'torch', 'diffusers', 'transformers', 'cv2', 'pytest'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_the_figure_wears_can_be_asserted():
    figure = draw_figure(7, bottom="jeans", bottom_color="navy")
    assert_color(figure.image, "navy", figure.mask("bottom"))
