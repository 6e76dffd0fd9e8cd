"""Previews while a base paints, and runs that are ended by who watches them."""

import pytest
from PIL import Image

import igo
from igo.errors import CancelledError

ASKED = {"num_inference_steps": 4, "width": 32, "height": 48, "seed": 3}


class Watcher:
    def __init__(self, until=None):
        self.previews, self.until = [], until

    @igo.hookimpl
    def observe(self, event):
        if event.kind == "progress":
            self.previews.append(event.preview and event.preview())
            if event.done == self.until:
                raise CancelledError("enough")


def test_previews_are_small_pictures_and_change_nothing(tiny_checkpoint):
    chain, watcher = igo.Chain(igo.TextToImage(str(tiny_checkpoint))), Watcher()
    watched = chain.run("a coat", observers=[watcher], **ASKED)
    assert watched.image == chain.run("a coat", **ASKED).image
    assert [(type(preview), preview.mode, preview.size) for preview in watcher.previews] == [
        (Image.Image, "RGB", (32, 48))
    ] * 4
    assert watcher.previews[0] != watcher.previews[3]
    large = Watcher(until=1)
    with pytest.raises(CancelledError):
        chain.run("a coat", observers=[large], **ASKED | {"width": 64, "height": 512})
    assert large.previews[0].size == (8, 64), "32 cells of what this autoencoder makes 2 pixels of"


def test_there_is_none_where_another_network_stands_in_the_decoders_place(tiny_checkpoint):
    chain, watcher = igo.Chain(igo.TextToImage(str(tiny_checkpoint)), Replaced()), Watcher()
    chain.run("a coat", observers=[watcher], **ASKED)
    assert watcher.previews == [None] * 4


class Replaced:
    @igo.hookimpl
    def prepare(self, pipeline):
        pipeline.vae.decoder.forward = pipeline.vae.decoder.forward


def test_a_run_that_was_cancelled_leaves_the_next_as_it_would_be(tiny_checkpoint):
    chain, watcher = igo.Chain(igo.TextToImage(str(tiny_checkpoint))), Watcher(until=2)
    with pytest.raises(CancelledError, match="enough"):
        chain.run("a coat", observers=[watcher], **ASKED)
    assert len(watcher.previews) == 2, "between two steps"
    fresh = igo.Chain(igo.TextToImage(str(tiny_checkpoint)))
    assert chain.run("a coat", **ASKED).image == fresh.run("a coat", **ASKED).image
