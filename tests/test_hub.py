"""Published repositories, in small, from a hub on loopback."""

import numpy as np

import igo
from igo.testing import draw_figure
from igo_plugins.styling import text_mask


def test_the_published_clipseg_finds_what_its_weights_find_elsewhere(hub):
    figure, runtime = draw_figure(seed=7).image, igo.Runtime("cpu")
    found = text_mask.load("CIDAS/clipseg-rd64-refined", runtime).soft(figure, ("hoodie", "jeans"))
    assert np.array_equal(found, text_mask.load("mini", runtime).soft(figure, ("hoodie", "jeans")))
    assert found.max() > 0.5
    assert "CIDAS/clipseg-rd64-refined/pytorch_model.bin" in hub.fetched
