"""Outpainting: what is refused, where the old picture stands, what stays of it, and how it sits in a chain."""

import re
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import igo
from igo.chains.config import parse_chain
from igo.errors import ChainError, ImageError, PluginError, SettingsError
from igo.images.compositing import seam_score
from igo.testing import PaintedBase
from igo_plugins import Outpainting
from igo_plugins.canvas.fill import extended
from igo_plugins.canvas.growth import bands, passes, view_of

sides = st.integers(1, 60)
added = st.one_of(st.just(0), st.integers(1, 90))


@dataclass
class Records:
    """A base that keeps the requests that it gets."""

    base: PaintedBase
    asked: list

    @igo.hookimpl
    def generate(self, request):
        frames = self.base.generate(request)
        if frames is not None:
            self.asked.append(request)
        return frames


def recording():
    return Records(PaintedBase(), [])


def noise(width, height, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def outpainted(plugin, image, prompt="a beach", base=None, **request):
    return igo.Chain(plugin, base or PaintedBase()).run(prompt, image=image, seed=3, **request)


def report(look):
    return dict(look[0].history[-1].report)


def pixels_of(image, box):
    return np.asarray(image)[box[1] : box[3], box[0] : box[2]]


@pytest.mark.parametrize(
    ("given_settings", "message"),
    [
        ({}, "nothing to add; give left, right, top or bottom in pixels, or to='3:4' or '1024x1536'"),
        ({"left": 0, "top": 0}, "nothing to add"),
        ({"left": -1}, "left is -1; expected a whole number of pixels, at least 0"),
        ({"top": 1.5}, "top is 1.5; expected a whole number"),
        ({"top": True}, "top is True; expected a whole number"),
        ({"left": 8, "overlap": -2}, "overlap is -2; expected a whole number"),
        ({"to": "3:4", "left": 8}, "both to='3:4' and left=8; give one of them"),
        ({"left": 8, "anchor": "top"}, "anchor='top' goes with to=...; left say where the picture is"),
        ({"to": "3:4", "anchor": "topp"}, "anchor is 'topp'; did you mean 'top'?"),
        ({"to": "3:0"}, "to is '3:0'; expected a shape such as '3:4' or a size such as '1024x1536'"),
        ({"to": "wide"}, "to is 'wide'; expected a shape"),
        ({"to": (3, 4)}, r"to is \(3, 4\); expected a shape"),
        ({"left": 8, "strength": 0.0}, "strength is 0.0; expected a number above 0, up to 1"),
        ({"left": 8, "tile": 0}, "tile is 0; expected a whole number of pixels, at least 64"),
        ({"left": None}, "left is None; expected a whole number"),
        ({"left": 8, "reach": 1.5}, "reach is 1.5; expected a number above 0, up to 1"),
        ({"left": 8, "guidance_scale": -1}, "guidance_scale is -1; expected a number from 0 to 100"),
        ({"left": 8, "num_inference_steps": 0}, "num_inference_steps is 0; expected a whole number"),
    ],
)
def test_nonsense_is_refused_in_one_line(given_settings, message):
    with pytest.raises(SettingsError, match=message) as caught:
        Outpainting(**given_settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("plugin", "size", "canvas", "corner"),
    [
        (Outpainting(left=3, bottom=5), (10, 20), (13, 25), (3, 0)),
        (Outpainting(to="3:4"), (60, 120), (90, 120), (15, 0)),
        (Outpainting(to="3:4"), (90, 90), (90, 120), (0, 15)),
        (Outpainting(to="3:4", anchor="bottom"), (90, 90), (90, 120), (0, 30)),
        (Outpainting(to="3:4", anchor="top-left"), (90, 90), (90, 120), (0, 0)),
        (Outpainting(to="3:4", anchor="right"), (60, 120), (90, 120), (30, 0)),
        (Outpainting(to="3:4"), (301, 451), (338, 451), (18, 0)),
        (Outpainting(to="2.39:1"), (100, 100), (239, 100), (69, 0)),
        (Outpainting(to="64x96", anchor="top-right"), (10, 10), (64, 96), (54, 0)),
        (Outpainting(to="64×96", anchor="center"), (10, 11), (64, 96), (27, 42)),
    ],
)
def test_the_canvas_and_where_the_picture_stands(plugin, size, canvas, corner):
    assert plugin.layout(size) == (canvas, (*corner, corner[0] + size[0], corner[1] + size[1]))


def test_a_target_smaller_than_the_picture_and_a_bomb_are_refused():
    with pytest.raises(SettingsError, match=r"to='8x90' is smaller than the picture of 10x20; outpainting only adds"):
        outpainted(Outpainting(to="8x90"), noise(10, 20))
    with pytest.raises(ImageError, match="the canvas would be 99999x99999; expected at most"):
        outpainted(Outpainting(to="99999x99999"), noise(10, 20))


def test_a_picture_of_the_wanted_shape_stays_as_it_is():
    base, photo = recording(), noise(30, 40)
    look = outpainted(Outpainting(to="3:4"), photo, base=base)
    assert look.image == photo
    assert report(look) == {"canvas": [30, 40], "picture": [0, 0, 30, 40], "passes": 0}
    assert not base.asked


@settings(max_examples=60, deadline=None)
@given(
    *(sides, sides, added, added, added, added),
    *(st.one_of(st.none(), st.integers(0, 40)), st.floats(0.05, 1), st.one_of(st.none(), st.integers(64, 90))),
)
def test_outside_of_the_overlap_the_old_picture_is_the_same(
    width, height, left, right, top, bottom, overlap, reach, tile
):
    photo = noise(width, height)
    if not left + right + top + bottom:
        return
    plugin = Outpainting(left=left, right=right, top=top, bottom=bottom, overlap=overlap, reach=reach, tile=tile)
    look = outpainted(plugin, photo)
    assert look.image.size == (width + left + right, height + top + bottom)
    reported = report(look)
    assert reported["picture"] == [left, top, left + width, top + height]
    kept = reported["overlap"]
    assert kept <= min(width, height) // 4
    part = (
        kept if left else 0,
        kept if top else 0,
        width - (kept if right else 0),
        height - (kept if bottom else 0),
    )
    old = pixels_of(look.image, reported["picture"])
    assert np.array_equal(pixels_of(old, part), pixels_of(photo, part))
    assert np.asarray(look.image).std() > 0


@settings(max_examples=100, deadline=None)
@given(sides, sides, added, added, added, added, st.floats(0.05, 1))
def test_passes_grow_on_one_side_by_their_share_of_the_view_at_most(width, height, left, right, top, bottom, reach):
    view = view_of((width, height), None)
    known, canvas = (left, top, left + width, top + height), (width + left + right, height + top + bottom)
    for grown in passes(known, canvas, view, reach):
        (changed,) = [side for side in range(4) if grown[side] != known[side]]
        step = abs(grown[changed] - known[changed])
        assert step <= max(1, reach * (1 + 2 * (changed % 2)) * view[changed % 2])
        assert (grown[changed] < known[changed]) == (changed < 2)
        known = grown
    assert known == (0, 0, *canvas)


def test_what_is_shown_is_as_large_as_the_view_and_a_longer_side_is_painted_in_bands():
    view = (40, 60)
    assert list(bands((10, 0, 100, 60), (0, 0, 100, 60), view, 4)) == [((0, 0, 40, 60), (0, 0, 100, 60))]
    assert list(bands((0, 0, 90, 60), (0, 0, 100, 60), view, 4)) == [((60, 0, 100, 60), (0, 0, 100, 60))]
    assert list(bands((0, 0, 40, 90), (0, 0, 40, 100), view, 4)) == [((0, 40, 40, 100), (0, 0, 40, 100))]
    assert list(bands((0, 0, 60, 90), (0, 0, 60, 100), view, 4)) == [
        ((0, 40, 40, 100), (0, 0, 40, 100)),
        ((20, 40, 60, 100), (36, 0, 60, 100)),
    ]
    assert list(bands((0, 0, 9, 9), (0, 0, 41, 9), (64, 64), 2)) == [((0, 0, 41, 9), (0, 0, 41, 9))]


def test_several_passes_have_seeds_of_their_own_and_each_sees_what_was_painted_before():
    base = recording()
    look = outpainted(Outpainting(left=100, bottom=40, reach=0.5), noise(80, 96), base=base)
    assert report(look)["passes"] == len(base.asked) == len({request.seed for request in base.asked}) == 6
    assert [request.num_images for request in base.asked] == [1] * 6
    assert {request.image.size for request in base.asked} == {(96, 96)}
    for before, after in zip(base.asked, base.asked[1:3], strict=False):
        assert after.image.size == after.layers["mask"].size
        assert after.image != before.image


def test_a_photo_larger_than_the_tile_is_shown_in_parts():
    base, photo = recording(), noise(100, 90)
    look = outpainted(Outpainting(left=20, right=10, tile=64, reach=0.5), photo, base=base)
    assert [request.image.size for request in base.asked] == [(64, 64)] * 4
    kept = report(look)["overlap"]
    old = look.image.crop((20, 0, 120, 90))
    assert np.array_equal(pixels_of(old, (kept, 0, 100 - kept, 90)), pixels_of(photo, (kept, 0, 100 - kept, 90)))


def test_the_same_seed_paints_the_same_and_pictures_of_a_batch_differ():
    chain = igo.Chain(PaintedBase(), Outpainting(left=20))
    batch = chain.run("a beach", seed=3, num_images=2)
    assert chain.run("a beach", seed=3).image == batch.images[0]
    assert chain.run("a beach", seed=4).image == batch.images[1]
    assert batch.images[0] != batch.images[1]


def test_the_zone_reaches_into_the_picture_only_at_sides_that_grow():
    start, mask = extended(noise(40, 40), (10, 0, 50, 40), (0, 0, 50, 60), overlap=4)
    inside = np.zeros((60, 50), bool)
    inside[:36, 14:] = True
    assert np.array_equal(np.asarray(mask) == 0, inside)
    assert start.crop((10, 0, 50, 40)) == noise(40, 40)


def test_the_canvas_begins_without_a_seam_and_calms_with_distance():
    gradient = Image.fromarray(np.linspace(0, 255, 60 * 60 * 3).reshape(60, 60, 3).astype(np.uint8))
    start, _ = extended(gradient, (60, 0, 120, 60), (0, 0, 120, 60), overlap=0)
    zone = Image.new("L", start.size)
    zone.paste(255, (0, 0, 60, 60))
    assert seam_score(start, zone) < 1.2
    start, _ = extended(noise(60, 60), (240, 0, 300, 60), (0, 0, 300, 60), overlap=0)
    pixels = np.asarray(start).astype(float)
    assert pixels[:, :40].std() < pixels[:, 200:230].std() / 2 < pixels[:, 240:].std() / 8


def test_the_prompt_is_the_requests_own_or_the_steps():
    base = recording()
    outpainted(Outpainting(left=10), noise(40, 40), "a beach", base, negative_prompt="people", num_inference_steps=7)
    plugin = Outpainting(
        left=10, prompt="sand", negative_prompt="", guidance_scale=0.0, num_inference_steps=9, strength=0.5
    )
    outpainted(plugin, noise(40, 40), "a beach", base, negative_prompt="people", num_inference_steps=7)
    names = ("prompt", "negative_prompt", "guidance_scale", "num_inference_steps", "strength", "width")
    assert [[getattr(request, name) for name in names] for request in base.asked] == [
        ["a beach", "people", None, 7, None, None],
        ["sand", "", 0.0, 9, 0.5, None],
    ]


def test_a_photo_is_extended_without_a_prompt_too_and_at_strength_0():
    photo = noise(40, 60)
    for look in (
        outpainted(Outpainting(left=20), photo, ""),
        outpainted(Outpainting(left=20), photo, strength=0.0),
        igo.Chain(PaintedBase(), Outpainting(left=20)).run(image=photo, seed=3),
    ):
        assert look.image.size == (60, 60)
        assert np.array_equal(pixels_of(look.image, (30, 0, 60, 60)), pixels_of(photo, (10, 0, 40, 60)))


def test_before_the_base_a_photo_with_a_prompt_is_kept_and_after_it_repainted():
    photo, plugin = noise(40, 60), Outpainting(left=20)
    kept = (10, 0, 40, 60)
    before = outpainted(plugin, photo)
    assert np.array_equal(pixels_of(before.image, (30, 0, 60, 60)), pixels_of(photo, kept))
    after = igo.Chain(PaintedBase(), plugin).run("a beach", image=photo, seed=3)
    repainted = igo.Chain(PaintedBase()).run("a beach", image=photo, seed=3).image
    assert repainted != photo
    assert np.array_equal(pixels_of(after.image, (30, 0, 60, 60)), pixels_of(repainted, kept))


def test_each_of_two_in_a_chain_knows_where_it_stands():
    photo = noise(40, 60)
    look = igo.Chain(Outpainting(left=20), PaintedBase(), Outpainting(top=10)).run("a beach", image=photo, seed=3)
    assert look.image.size == (60, 70)
    assert np.array_equal(pixels_of(look.image, (40, 30, 60, 70)), pixels_of(photo, (20, 20, 40, 60)))
    assert [entry.step for entry in look[0].history] == ["outpainting", "outpainting-2"]
    both = igo.Chain(PaintedBase(), Outpainting(left=20), Outpainting(top=10)).run("a beach", image=photo, seed=3)
    repainted = igo.Chain(PaintedBase()).run("a beach", image=photo, seed=3).image
    assert np.array_equal(pixels_of(both.image, (40, 30, 60, 70)), pixels_of(repainted, (20, 20, 40, 60)))


def test_a_strength_or_mask_that_the_user_gives_is_the_bases():
    photo, mask = noise(40, 60), Image.new("L", (40, 60))
    mask.paste(255, (20, 30, 30, 40))
    masked = outpainted(Outpainting(left=20), photo, layers={"mask": mask})
    expected = igo.Chain(PaintedBase()).run("a beach", image=photo, layers={"mask": mask}, seed=3).image
    assert np.array_equal(pixels_of(masked.image, (30, 0, 60, 60)), pixels_of(expected, (10, 0, 40, 60)))
    half = outpainted(Outpainting(left=20), photo, strength=0.5)
    expected = igo.Chain(PaintedBase()).run("a beach", image=photo, strength=0.5, seed=3).image
    assert np.array_equal(pixels_of(half.image, (30, 0, 60, 60)), pixels_of(expected, (10, 0, 40, 60)))


def test_a_later_step_paints_on_the_extended_picture():
    class Repaints:
        @igo.hookimpl
        def postprocess(self, frame, request, paint):
            return frame.with_image(paint(request.replace(image=frame.image, strength=1.0, layers={}))[0].image)

    look = igo.Chain(Outpainting(left=20), PaintedBase(), Repaints()).run("a beach", image=noise(40, 60), seed=3)
    assert look.image == igo.Chain(PaintedBase()).run("a beach", width=60, height=60, seed=3).image


def test_transparency_goes_on_as_it_is_at_the_edge_and_other_layers_are_dropped():
    photo = noise(40, 60)
    alpha = Image.new("L", photo.size, 255)
    alpha.paste(0, (0, 0, 10, 60))
    photo.putalpha(alpha)

    class Marks:
        @igo.hookimpl
        def postprocess(self, frame):
            return frame.with_layer("mask", Image.new("L", frame.image.size, 50))

    look = igo.Chain(PaintedBase(), Marks(), Outpainting(left=5, right=5)).run(image=photo, seed=3)
    assert list(look[0].layers) == ["alpha"]
    expected = Image.new("L", (50, 60), 255)
    expected.paste(0, (0, 0, 15, 60))
    assert look[0].layers["alpha"] == expected


def test_a_users_mask_stays_where_it_is_on_the_old_picture():
    class Keeps:
        @igo.hookimpl
        def postprocess(self, frame, layer):
            return frame.with_layer("kept", layer("mask"))

    mask = Image.new("L", (40, 60))
    mask.paste(255, (20, 30, 30, 40))
    look = igo.Chain(Outpainting(left=20, top=5), PaintedBase(), Keeps()).run(
        "a beach", image=noise(40, 60), layers={"mask": mask}, strength=0, seed=3
    )
    expected = Image.new("L", (60, 65))
    expected.paste(255, (40, 35, 50, 45))
    assert look[0].layers["kept"] == expected


def test_a_verdict_on_a_painted_part_is_the_pictures():
    class Flags:
        @igo.hookimpl
        def generate(self, request, inner):
            flagged = request.image is not None
            return [
                igo.Frame(frame.image, frame.seed, nsfw_content_detected=flagged)
                for frame in PaintedBase().generate(request)
            ]

    assert igo.Chain(Flags(), Outpainting(left=20)).run("a beach", seed=3)[0].nsfw_content_detected is True


def test_a_chain_that_paints_nothing_is_told():
    with pytest.raises(ChainError, match=r"step 'outpainting' \(postprocess\): no step of this chain paints"):
        igo.Chain(Outpainting(left=20)).run(image=noise(40, 60))


def test_a_base_that_paints_another_size_is_told():
    class Small:
        @igo.hookimpl
        def generate(self, request):
            return [igo.Frame(noise(8, 8))]

    with pytest.raises(
        PluginError, match=r"step 'outpainting' \(postprocess\): the base painted 8x8; expected the can"
    ):
        igo.Chain(Small(), Outpainting(left=20)).run("a beach")


def test_the_history_says_canvas_passes_and_worst_seam():
    reported = report(outpainted(Outpainting(to="3:4", overlap=5), noise(60, 120)))
    assert reported.keys() == {"canvas", "picture", "passes", "overlap", "seam", "prompt", "negative_prompt"}
    assert (reported["canvas"], reported["picture"], reported["overlap"]) == ([90, 120], [15, 0, 75, 120], 5)
    assert reported["seam"] > 0


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.3])
def test_what_was_painted_small_and_enlarged_is_told_with_the_option_and_what_it_costs(scale):
    class Small:
        @igo.hookimpl
        def generate(self, request):
            frames = PaintedBase().generate(request)
            return frames and [frame.noted(zone={"scale": scale}) for frame in frames]

    photo = noise(400, 300)
    reported = report(outpainted(Outpainting(left=60), photo, base=Small()))
    assert ("note" in reported) == (scale < 0.5)
    if scale < 0.5:
        told = (
            r"painted at 30% of its size .* softer than the picture; tile=120 paints it .* in (\d+) parts in place of 1"
        )
        parts = re.match(f".*{told}", reported["note"])[1]
        assert report(outpainted(Outpainting(left=60, tile=120), photo, base=Small()))["passes"] == int(parts)


def test_it_can_be_written_in_a_chain_file():
    chain = parse_chain(
        '[[step]]\nuse = "igo_plugins.outpainting:Outpainting"\nto = "3:4"\nanchor = "bottom"\noverlap = 12\n'
    ).chain
    assert chain.steps[0].plugin == Outpainting(to="3:4", anchor="bottom", overlap=12)


def test_progress_is_told():
    heard = []

    class Hears:
        @igo.hookimpl
        def observe(self, event):
            if event.kind == "progress" and event.step == "outpainting":
                heard.append((event.done, event.total))

    igo.Chain(Hears(), PaintedBase(), Outpainting(left=100, reach=0.5)).run("a beach", seed=3)
    assert heard == [(0, 3), (1, 3), (2, 3), (3, 3)]
