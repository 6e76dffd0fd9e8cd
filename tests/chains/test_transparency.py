"""What lies under transparency decides nothing, is never painted, and comes back as it was."""

import numpy as np
import pytest
from PIL import Image

import igo
from igo.errors import NothingFoundError
from igo.testing import PaintedBase
from igo_plugins import Outpainting, Upscaling, VirtualStyling

RNG = np.random.default_rng(11)
SIZE = (64, 96)
ALPHA = np.zeros(SIZE[::-1], np.uint8)
ALPHA[10:90, 12:52] = 255
ALPHA[40:44, 12:52] = 90  # as a shadow
FIGURE = RNG.integers(100, 256, (*SIZE[::-1], 3), np.uint8)
FIGURE[30:60, 20:44] = RNG.integers(0, 60, (30, 24, 3), np.uint8)
UNDER = {
    "white": np.full_like(FIGURE, 255),
    "black": np.zeros_like(FIGURE),
    "noise": RNG.integers(0, 256, FIGURE.shape, np.uint8),
}


def cut_out(under, alpha=ALPHA):
    colours = np.where(alpha[..., None] == 0, UNDER[under], FIGURE)
    return Image.fromarray(np.dstack([colours, alpha]))


class Dark:
    """A tiny mask model: it finds what is dark."""

    provides = ("mask",)

    def __init__(self):
        self.shown = []

    @igo.hookimpl
    def provide(self, name, frame):
        if name != "mask":
            return None
        self.shown.append(frame.image)
        return frame.image.convert("L").point(lambda level: 255 if level < 60 else 0)


class White:
    """Finds everything."""

    provides = ("mask",)

    @igo.hookimpl
    def provide(self, name, frame):
        return Image.new("L", frame.image.size, 255) if name == "mask" else None


class Watched(PaintedBase):
    """Remembers what the base was shown."""

    def __init__(self, *shown):
        super().__init__()
        object.__setattr__(self, "shown", [])

    @igo.hookimpl
    def generate(self, request):
        if request.image is not None:
            self.shown.append((request.image, request.layers.get("mask")))
        return super().generate(request)


def styled(picture, *steps):
    return igo.Chain(*steps, VirtualStyling("coat", to="a red coat")).run(image=picture, seed=1)[0]


def test_the_zone_does_not_depend_on_what_lies_under_transparency():
    mask, base = Dark(), Watched()
    frames = {under: styled(cut_out(under), base, mask) for under in UNDER}
    zones = [np.asarray(frame.layers["zone"]) for frame in frames.values()]
    assert all((zone == zones[0]).all() for zone in zones)
    assert zones[0].any()
    assert not zones[0][ALPHA == 0].any()
    assert all((np.asarray(shown)[ALPHA == 0] == 255).all() for shown in mask.shown)
    assert len({shown.tobytes() for shown, _ in base.shown}) == 1
    for under, frame in frames.items():
        changed = (np.asarray(frame.image) != np.asarray(cut_out(under).convert("RGB"))).any(2)
        assert changed.any()
        assert not changed[zones[0] == 0].any()
        np.testing.assert_array_equal(np.asarray(frame.layers["alpha"]), ALPHA)


@pytest.mark.parametrize("under", UNDER)
def test_a_mask_of_everything_leaves_what_cannot_be_seen(under):
    picture = cut_out(under)
    whole = Image.new("L", SIZE, 255)
    for frame in (
        styled(picture, PaintedBase(), White()),
        igo.Chain(PaintedBase()).run("a coat", image=picture, layers={"mask": whole}, seed=1)[0],
        igo.Chain(PaintedBase()).run("a coat", image=picture, strength=0.8, seed=1)[0],
    ):
        changed = (np.asarray(frame.image) != np.asarray(picture.convert("RGB"))).any(2)
        assert changed[ALPHA == 255].any()
        assert not changed[ALPHA == 0].any()


def test_a_shadow_is_shown_as_it_looks():
    mask = Dark()
    styled(cut_out("white"), PaintedBase(), mask)
    shown = np.asarray(mask.shown[0])[40:44, 20:44]
    assert shown.min() >= 255 - 90  # dark colours with an alpha of 90 look light


def test_nothing_to_see_where_the_mask_is():
    hidden = Image.new("L", SIZE)
    hidden.paste(255, (0, 0, 10, 9))
    with pytest.raises(NothingFoundError, match="transparent wherever the mask is white"):
        igo.Chain(PaintedBase()).run("a coat", image=cut_out("black"), layers={"mask": hidden}, seed=1)


def test_a_layer_is_made_of_what_can_be_seen():
    masks = [igo.Chain(Dark()).layer("mask", cut_out(under)) for under in UNDER]
    assert all(mask == masks[0] for mask in masks)
    assert not np.asarray(igo.Chain(White()).layer("mask", cut_out("black")))[ALPHA == 0].any()


def test_a_scorer_sees_the_picture_on_white():
    seen = []

    class Scores:
        @igo.hookimpl
        def score(self, frame):
            seen.append(np.asarray(frame.image))
            return 1.0

    chain = igo.Chain(PaintedBase(), White(), VirtualStyling("coat", to="a red coat", candidates=2), Scores())
    chain.run(image=cut_out("black"), seed=1)
    assert len(seen) == 2
    assert all((picture[ALPHA == 0] == 255).all() for picture in seen)


def test_an_opaque_picture_is_shown_itself():
    base, opaque = Watched(), cut_out("black", np.full_like(ALPHA, 255))
    whole = Image.new("L", SIZE, 255)
    frame = igo.Chain(base).run("a coat", image=opaque, layers={"mask": whole}, seed=1)[0]
    assert base.shown[0][0].tobytes() == opaque.convert("RGB").tobytes()
    assert frame.layers["alpha"].getextrema() == (255, 255)


def test_what_goes_on_beyond_the_sides_does_not_depend_on_it_either():
    looks = {
        under: igo.Chain(PaintedBase(), Outpainting(right=16, left=8)).run(image=cut_out(under)) for under in UNDER
    }
    alpha = np.asarray(looks["white"][0].layers["alpha"])
    pictures = {under: np.asarray(look.image) for under, look in looks.items()}
    for under, picture in pictures.items():
        np.testing.assert_array_equal(picture[alpha > 0], pictures["white"][alpha > 0])
        own = picture[:, 8:72]
        np.testing.assert_array_equal(own[ALPHA == 0], np.asarray(cut_out(under).convert("RGB"))[ALPHA == 0])


def test_enlarging_does_not_depend_on_it_either():
    looks = [igo.Chain(Upscaling(2)).run(image=cut_out(under)) for under in UNDER]
    alpha = np.asarray(looks[0][0].layers["alpha"])
    for look in looks:
        np.testing.assert_array_equal(np.asarray(look.image)[alpha > 0], np.asarray(looks[0].image)[alpha > 0])
