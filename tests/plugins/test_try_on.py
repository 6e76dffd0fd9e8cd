"""Try-on in a chain, by a tiny model of random weights and a parser that knows by heart what it is shown."""

import json
from functools import partial
from shutil import copytree

import cv2
import numpy as np
import pytest
from PIL import Image

import igo
from igo.errors import (
    CheckpointError,
    MissingReferenceError,
    NothingFoundError,
    SettingsError,
    UnsureError,
)
from igo.testing import check_plugin
from igo.wardrobe import sample
from igo_plugins import TryOn
from igo_plugins.fitting import fitter as fitters
from igo_plugins.fitting import loading, painting
from igo_plugins.fitting.framing import view_of
from igo_plugins.fitting.garment import FILL, garment_of
from igo_plugins.fitting.memo import Memo
from igo_plugins.fitting.zones import Zone
from igo_plugins.parsing import parser as parsers
from igo_plugins.parsing.labels import Part
from tests.builders import segformers
from tests.builders.fittings import Knowing, garment, person, save_catvton
from tests.builders.parses import drawn


@pytest.fixture
def parser(monkeypatch):
    made = Knowing()
    monkeypatch.setattr(parsers, "load", lambda name, runtime: made)
    return made


@pytest.fixture(scope="module")
def runtime():
    return igo.Runtime(device="cpu")


@pytest.fixture
def trying(tiny_inpaint_checkpoint, runtime):
    """``TryOn`` of the tiny model, in a chain of its own, run on somebody in two steps."""
    for kind in ("garments", "parses", "zones"):
        runtime.model(("try-on remembers", kind), Memo)._known.clear()

    def run(image, references, seed=1, layers=None, also=(), observers=(), **settings):
        step = TryOn(model=str(tiny_inpaint_checkpoint), **{"width": 48, "height": 64, **settings})
        chain = igo.Chain(step, *also, runtime=runtime)
        named = references if isinstance(references, dict) else {"garment": references}
        asked = {"layers": layers, "seed": seed, "num_inference_steps": 2, "observers": observers}
        return chain.run(image=image, references=named, **asked)

    return run


def test_a_model_may_see_all_of_the_zone_but_the_old_garment(parser, tiny_inpaint_checkpoint, tmp_path, monkeypatch):
    """What it is shown: the street and the arms within a hull as they are, and gray for what is taken off; where
    somebody brings a mask, all of that is gray."""
    model = copytree(tiny_inpaint_checkpoint, tmp_path / "model")
    told = {"width": 48, "height": 64, "inside": True}
    me, shirt, shown = person(parser), garment(parser), []
    plain = fitters.Fitter.encoded

    def encoded(self, image, mask=None):
        shown.append((np.asarray(image), None if mask is None else np.asarray(mask) > 0))
        return plain(self, image, mask)

    monkeypatch.setattr(fitters.Fitter, "encoded", encoded)
    hidden = {}
    for inside, layers in ((True, None), (False, None), (True, {"mask": Image.new("L", me.size, 255)})):
        (model / "igo.json").write_text(json.dumps({**told, "inside": inside}))
        shown.clear()
        step = TryOn(model=str(model), num_inference_steps=1)
        look = igo.Chain(step, runtime=igo.Runtime(device="cpu")).run(
            image=me, references={"garment": shirt}, layers=layers, seed=1
        )
        hidden[inside, layers is None] = shown[0][1]
        assert look[0].layers["zone"].getbbox()
    old, zone = hidden[True, True], hidden[False, True]
    assert (old <= zone).all()
    assert 0.1 < old.sum() / zone.sum() < 0.9
    assert hidden[True, False].all()


def changed(look, image):
    return (np.asarray(look.image) != np.asarray(image)).any(2)


def test_the_garment_is_painted_in_its_zone_alone(parser, trying):
    me = person(parser)
    look = trying(me, garment(parser))
    zone, told = np.asarray(look[0].layers["zone"]) > 0, look[0].history[-1].report
    assert changed(look, me)[zone].mean() > 0.8
    assert not changed(look, me)[~zone].any()
    parse = parser.parse(me)
    assert zone[parse == Part.TOP].all()
    assert not zone[np.isin(parse, [Part.FACE, Part.HANDS, Part.PANTS])].any() or (parse == Part.PANTS)[zone].any()
    assert not zone[parse == Part.FACE].any()
    assert told["part"] == "upper"
    assert told["mask"] == "hull"
    assert told["worn"] is False
    assert told["area"] == pytest.approx((parse == Part.TOP).mean(), abs=0.01)
    assert told["confidence"] == 0.9
    assert told["num_inference_steps"] == 2
    assert told["guidance_scale"] == 2.5  # CatVTON's own
    assert told["seam"] == told["zone"]["seam"] > 0
    assert told["zone"]["outside"] == "unchanged"
    assert look.models == {told["checkpoint"]: told["identity"]}
    assert trying(me, garment(parser)).image == look.image
    assert trying(me, garment(parser), seed=2).image != look.image
    assert trying(me, garment(parser, 9)).image != look.image


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"part": "shoes"}, "part is 'shoes'; choose one of: auto, dress, lower, upper"),
        ({"mask": "hul"}, "mask is 'hul'; did you mean 'hull'?"),
        ({"on_doubt": "never"}, "on_doubt is 'never'"),
        ({"reference": " "}, "reference is empty"),
        ({"model": ""}, "model is empty"),
        ({"candidates": 0}, "candidates is 0; expected at least 1"),
        ({"confidence": 1.5}, "confidence is 1.5"),
        ({"context": -1.0}, "context is -1.0; expected at least 0"),
        ({"guidance_scale": -1.0}, "guidance_scale is -1.0"),
        ({"num_inference_steps": 0}, "num_inference_steps is 0"),
        ({"width": 0}, "width is 0"),
    ],
)
def test_settings_that_can_not_be_meant(settings, message):
    with pytest.raises(SettingsError, match=message.replace("?", r"\?")):
        TryOn(**settings)


def test_what_can_not_work_is_said_before_a_model_is_loaded(parser, monkeypatch):
    monkeypatch.setattr(loading, "load", lambda *_: pytest.fail("it was loaded"))
    me = person(parser)
    with pytest.raises(MissingReferenceError, match="needs a reference 'shirt', a picture to go by, and was given 'ga"):
        igo.Chain(TryOn(reference="shirt")).run(image=me, references={"garment": me})
    with pytest.raises(CheckpointError, match="the try-on model 'nowhere' is not here; expected a folder"):
        igo.Chain(TryOn(model="nowhere")).run(image=me, references={"garment": me})
    with pytest.raises(CheckpointError, match="the base 'nowhere' is not here"):
        igo.Chain(TryOn(model="owner/name", base="nowhere")).run(image=me, references={"garment": me})
    with pytest.raises(SettingsError, match="names the variant 'mix', and variant is 'other'; give one"):
        igo.Chain(TryOn(model="owner/name/mix", variant="other")).run(image=me, references={"garment": me})


def test_several_garments_are_several_steps(parser, tiny_inpaint_checkpoint, trying):
    me = person(parser)
    tops, bottoms = garment(parser), garment(parser, 5, "lower")
    both = {"garment": tops, "trousers": bottoms}
    further = partial(TryOn, model=str(tiny_inpaint_checkpoint), width=48, height=64)
    layers = {"parse": Image.fromarray(parser.parse(me))}
    look = trying(me, both, layers=layers, also=[further(reference="trousers")])
    parts = [entry.report["part"] for entry in look[0].history if entry.step.startswith("try-on")]
    assert parts == ["upper", "lower"]
    assert changed(look, me)[parser.parse(me) == Part.TOP].mean() > 0.8
    assert changed(look, me)[parser.parse(me) == Part.PANTS].mean() > 0.8


def test_auto_reads_off_the_reference_what_it_is(parser, trying):
    me = person(parser)
    assert trying(me, garment(parser, 5, "lower"))[0].told["part"] == "lower"
    unknown = garment(parser, known=False)
    with pytest.raises(UnsureError, match="can't tell what the reference 'garment' shows; say it with part='upper'"):
        trying(me, unknown)
    assert trying(me, unknown, part="upper")[0].told["part"] == "upper"


def test_a_garment_that_somebody_wears_is_cut_out(parser, trying):
    pixels, parse = drawn(8)
    found = garment_of(Image.fromarray(pixels), parse, "upper", (96, 128), "garment")
    image = np.asarray(found.image).astype(int)
    assert found.worn
    assert (image.min(2)[[0, -1]] > 250).all()
    assert (image.min(2)[:, [0, -1]] > 250).all()
    wanted = pixels[parse == Part.TOP].mean(0)
    inside = image[(image < 240).any(2)]
    assert abs(inside.mean(0) - wanted).max() < 12
    rows, columns = np.nonzero((image < 240).any(2))
    assert max(np.ptp(rows) / 128, np.ptp(columns) / 96) == pytest.approx(FILL, abs=0.04)
    with pytest.raises(NothingFoundError, match="shows somebody who wears nothing for part='dress'"):
        garment_of(Image.fromarray(pixels), np.where(parse == Part.FACE, parse, 0), "dress", (96, 128), "garment")
    assert trying(person(parser), person(parser, 8), part="upper")[0].told["worn"] is True


@pytest.mark.parametrize("ground", [(255, 255, 255), (40, 60, 90), (244, 243, 240)])
@pytest.mark.parametrize("known", [True, False])
def test_flat_lays_fill_the_picture_of_the_model(ground, known):
    parser = Knowing()
    large = Image.new("RGB", (500, 400), ground)
    large.paste(garment(parser, 5, "upper", ground), (300, 20))
    parse = np.zeros((400, 500), np.uint8)
    if known:
        parse[60:100, 330:350] = Part.TOP
    found = garment_of(large, parse, "upper", (96, 128), "garment")
    differs = np.abs(np.asarray(found.image, int) - ground).max(2) > 14
    rows, columns = np.nonzero(differs)
    assert max(np.ptp(rows) / 128, np.ptp(columns) / 96) == pytest.approx(FILL, abs=0.05)
    assert abs((rows.min() + rows.max()) / 2 - 64) < 4
    assert abs((columns.min() + columns.max()) / 2 - 48) < 4


@pytest.mark.parametrize(
    ("part", "kind", "hem"),
    [
        ("upper", "t-shirt", 0.25), ("upper", "hoodie", 0.25), ("upper", "sweater", 0.25), ("lower", "jeans", 1),
        ("lower", "shorts", 0.5), ("lower", "skirt", 0.75), ("dress", "dress", 0.75),
    ],
)  # fmt: skip
def test_how_long_a_garment_is_can_be_read_off_it(part, kind, hem):
    figure = sample(5, gender="woman", **{"top" if part != "lower" else "bottom": kind})
    parser = Knowing()
    image = garment(parser, figure, part, size=(150, 200))
    found = garment_of(image, parser.parse(image), part, (96, 128), "garment")
    assert found.hem == hem
    parse = parser.parse(image)
    ground = np.random.default_rng(1).integers(0, 255, (200, 150, 3), np.uint8)
    busy = Image.fromarray(np.where((parse == Part.BACKGROUND)[..., None], ground, np.asarray(image)))
    found = garment_of(busy, parse, part, (96, 128), "garment")
    assert found.hem in ([None] if part == "lower" else [hem, hem + 0.25])
    pixels, parse = drawn(figure)
    worn = garment_of(Image.fromarray(pixels), parse, part, (96, 128), "garment")
    assert worn.hem in (hem, hem - 0.25)


@pytest.mark.parametrize("known", [True, False])
def test_a_garment_on_busy_ground_is_cut_out_where_the_parser_sees_it(known):
    parser = Knowing()
    image = garment(parser, 5, "upper", size=(150, 200))
    parse = parser.parse(image)
    ground = np.random.default_rng(1).integers(0, 255, (200, 150, 3), np.uint8)
    busy = Image.fromarray(np.where((parse == Part.BACKGROUND)[..., None], ground, np.asarray(image)))
    found = garment_of(busy, parse if known else np.zeros_like(parse), "upper", (96, 128), "garment")
    corners = np.asarray(found.image)[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == 255).all() == known
    assert (found.end is not None) == known


@pytest.mark.parametrize(("scale", "times"), [(1, 1), (3, 3), (12, 4)])
def test_a_garment_has_the_detail_that_its_picture_has(scale, times):
    """Up to four times the model's own pixels; what the model sees is the same picture, made smaller."""
    image = garment(Knowing(), 5, "upper", (255, 255, 255)).resize((96 * scale, 128 * scale))
    found = garment_of(image, np.zeros((128 * scale, 96 * scale), np.uint8), "upper", (96, 128), "garment")
    assert found.image.size == (96, 128)
    assert found.detail.size == (96 * times, 128 * times)
    shrunk = found.detail.resize((96, 128), Image.Resampling.LANCZOS)
    assert shrunk.tobytes() == found.image.tobytes()


def test_no_rim_of_the_old_garment_is_left_beside_what_is_not_painted():
    """The border of a zone fades into the picture; where that is cloth that goes, all of it goes."""
    picture, shown = Image.new("RGB", (40, 40), "red"), Image.new("RGB", (40, 40), "blue")
    image = np.zeros((40, 40), np.uint8)
    image[10:30, 10:30] = 255
    old = np.zeros((40, 40), np.bool_)
    old[10:20, 10:30] = True
    made = np.asarray(
        painting._joined(picture, shown, Image.fromarray(image), Zone(Image.fromarray(image), 0.2, old=old))
    )
    assert (made[10:20, 10:30] == (0, 0, 255)).all()
    assert (made[28, 12:28, 0] > 0).all()  # below it faded, as everywhere
    assert (made[image == 0] == (255, 0, 0)).all()


def test_coats_are_of_any_length():
    parser = Knowing()
    figure = next(sample(seed) for seed in range(100) if sample(seed).top == "coat")
    image = garment(parser, figure, "upper", size=(300, 400))
    assert garment_of(image, parser.parse(image), "upper", (96, 128), "garment").hem in (None, 1)


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (200, 300), (2000, 3000)])
def test_references_that_show_nothing(parser, trying, size):
    with pytest.raises(NothingFoundError, match=r"the reference 'garment' shows nothing but its ground \(area 0.0%\)"):
        trying(person(parser), Image.new("RGB", size, "beige"), part="upper")


def test_nobody_to_dress(parser, trying):
    street, shirt = Image.linear_gradient("L").convert("RGB"), garment(parser)
    with pytest.raises(NothingFoundError, match="found no upper garment"):
        trying(street, shirt)
    skipped = trying(street, shirt, on_doubt="skip")
    assert skipped.image == street
    assert "found no upper garment" in skipped[0].told["skipped"]
    assert trying(street, shirt, on_doubt="paint").image == street


def test_a_parser_that_is_not_sure(parser, trying):
    me, shirt, parser.sure = person(parser), garment(parser), 0.3
    with pytest.raises(
        UnsureError, match=r"not sure where the garment for part='upper' is .*confidence 0.30, wanted 0"
    ):
        trying(me, shirt)
    assert changed(trying(me, shirt, on_doubt="paint"), me).any()
    assert trying(me, shirt, on_doubt="skip").image == me
    assert changed(trying(me, shirt, confidence=0.2), me).any()


def test_a_mask_of_the_users_is_the_zone(parser, trying):
    me, mask = person(parser), Image.new("L", (128, 192))
    mask.paste(255, (5, 7, 50, 60))
    look = trying(me, garment(parser, known=False), layers={"mask": mask}, mask="none")
    assert look[0].told["mask"] == "brought"
    assert look[0].told["part"] is None
    assert not changed(look, me)[np.asarray(mask) == 0].any()
    assert changed(look, me)[np.asarray(mask) > 0].mean() > 0.9
    with pytest.raises(NothingFoundError, match="the mask is empty"):
        trying(me, garment(parser), layers={"mask": Image.new("L", (128, 192))})


def test_what_shows_the_same_as_before_is_the_same(parser, trying):
    me, shirt = person(parser), garment(parser)
    before = parser.parse(me)

    def zone_where(after):
        parser.unknown = after
        look = trying(me, shirt)
        zone = np.asarray(look[0].layers["zone"]) > 0
        assert not changed(look, me)[~zone].any()
        return zone

    hull = zone_where(Part.OTHER)
    middle, old = before.shape[1] // 2, np.isin(before, [Part.TOP, Part.COAT])
    after = before.copy()
    after[:, :middle][hull[:, :middle]] = Part.TOP  # on one side the new garment is as wide as the hull
    zone = zone_where(after)
    assert (zone == hull)[:, :middle].all()
    assert zone[old & hull].all()
    beside = ~cv2.dilate(old.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    beside[:, : middle + 4] = False
    assert hull[beside].any()
    assert not zone[beside].any()


def test_a_parse_of_the_chains_takes_the_place_of_the_parser(parser, trying):
    class Parsing:
        provides = ("parse",)

        @igo.hookimpl
        def provide(self, name, frame):
            return Image.fromarray(parser.known[me.tobytes()]) if name == "parse" else None

    me = person(parser)
    look = trying(me, garment(parser), also=[Parsing()])
    assert look[0].told["confidence"] is None
    assert me not in parser.asked


def test_what_can_not_be_seen_stays(parser, trying):
    me = person(parser)
    alpha = Image.new("L", me.size, 255)
    alpha.paste(0, (0, 0, 64, 192))
    see_through = me.copy()
    see_through.putalpha(alpha)
    parser.learn(Image.composite(me, Image.new("RGB", me.size, "white"), alpha), parser.parse(me))
    look = trying(see_through, garment(parser))
    assert look[0].layers["alpha"] == alpha
    assert not changed(look, me)[:, :64].any()
    assert changed(look, me)[:, 64:].any()


def test_a_model_may_find_the_garment_itself(parser, trying, monkeypatch):
    me, shirt = person(parser), garment(parser)
    masks = []
    taken = fitters.Fitter.paint

    def paint(self, asked, *rest):
        masks.extend(one.mask for one in asked)
        return taken(self, asked, *rest)

    monkeypatch.setattr(fitters.Fitter, "paint", paint)
    look = trying(me, shirt, mask="none")
    assert all(float(mask.min()) == 1 for mask in masks)
    zone, told = np.asarray(look[0].layers["zone"]) > 0, look[0].told
    assert told["mask"] == "none"
    assert not changed(look, me)[~zone].any()
    assert not zone[np.isin(parser.parse(me), [Part.FACE, Part.HANDS])].any()
    monkeypatch.setattr(fitters.Fitter, "paint", lambda self, asked, *_: [self.decoded(one.left) for one in asked])
    with pytest.raises(NothingFoundError, match="the model changed nothing; try another seed, or mask='hull'"):
        trying(me, shirt, mask="none")


def test_the_best_candidate_is_kept(parser, trying):
    me, shirt = person(parser), garment(parser)

    class Last:
        def __init__(self):
            self.seen = []

        @igo.hookimpl
        def score(self, frame, request):
            self.seen.append((frame.image, request.layers["mask"]))
            return float(len(self.seen))

    last = Last()
    look = trying(me, shirt, candidates=3, also=[last])
    assert look[0].told["scores"] == [1, 2, 3]
    assert look.image == last.seen[2][0]
    assert len({image.tobytes() for image, _ in last.seen}) == 3
    alone = trying(me, shirt)
    assert alone.image == last.seen[0][0]
    assert look[0].told["seed"] == alone[0].told["seed"] + 2
    assert len(trying(me, shirt, candidates=2)[0].told["scores"]) == 2


def test_photographs_are_doubted(parser, trying, monkeypatch):
    monkeypatch.setattr("igo_plugins.fitting.zones.is_photograph", lambda image: True)
    monkeypatch.setattr("igo.images.is_photograph", lambda image: True)
    me, shirt = person(parser), garment(parser)
    with pytest.raises(UnsureError, match="the parser 'mini' knows drawings; name parser='mattmdjaga/segformer_b2_cl"):
        trying(me, shirt)
    assert "note" not in trying(me, shirt, parser="other/parser")[0].told
    monkeypatch.setattr(loading, "MINI", TryOn().model)
    assert "mini/tryon paints drawings" in TryOn()._doubt(me)


def test_calls_made_together_are_those_made_alone(parser, trying, monkeypatch):
    people, shirts = [person(parser, 3), person(parser, 4)], [garment(parser, 5), garment(parser, 6)]
    alone = [trying(me, shirt).image for me in people for shirt in shirts]
    calls = [partial(trying, me, shirt) for me in people for shirt in shirts]
    assert [look.image for look in igo.together(calls)] == alone


class Previewing:
    def __init__(self):
        self.previews = []

    @igo.hookimpl
    def observe(self, event):
        if event.kind == "progress":
            self.previews.append(event.preview())


def test_who_watches_sees_what_is_painted_so_far(parser, trying):
    me, shirt, watcher = person(parser, 3), garment(parser, 5), Previewing()
    watched = trying(me, shirt, observers=[watcher], candidates=2)
    assert watched.image == trying(me, shirt, candidates=2).image
    assert [(preview.mode, preview.size) for preview in watcher.previews] == [("RGB", (48, 64))] * 4
    first, second, other, _ = watcher.previews
    assert first != second != other, "each step's, and each candidate's own"


def test_on_a_gpu_they_are_one_batch(parser, trying, tiny_inpaint_checkpoint, runtime, monkeypatch):
    people, shirts = [person(parser, 3), person(parser, 4)], [garment(parser, 5), garment(parser, 6)]
    alone = [np.asarray(trying(me, shirt).image, int) for me in people for shirt in shirts]
    model = loading.load(str(tiny_inpaint_checkpoint), None, None, None, runtime)
    model._at_once[:] = [16]
    sizes, call = [], fitters.Fitter._call

    def counted(self, batch, *rest):
        sizes.append(len(batch))
        if len(batch) > 3:
            raise MemoryError("out of memory")
        return call(self, batch, *rest)

    monkeypatch.setattr(fitters.Fitter, "_call", counted)
    looks = igo.together([partial(trying, me, shirt) for me in people for shirt in shirts])
    assert sizes == [4, 2, 2]
    for look, wanted in zip(looks, alone, strict=True):
        assert np.abs(np.asarray(look.image, int) - wanted).max() <= 3
    assert model._at_once == [2]
    model._at_once[:] = [1]
    monkeypatch.setattr(fitters, "try_on", lambda *_, **__: (_ for _ in ()).throw(MemoryError("out of memory")))
    with pytest.raises(CheckpointError, match="out of memory on cpu for a single picture; ask for a smaller width"):
        trying(people[0], shirts[0])


def test_in_a_grid_nothing_is_made_twice(parser, trying, tiny_inpaint_checkpoint, runtime, monkeypatch):
    people, shirts = [person(parser, figure) for figure in (3, 4)], [garment(parser, figure) for figure in (5, 6, 7)]
    trying(people[0], shirts[0])
    model = loading.load(str(tiny_inpaint_checkpoint), None, None, None, runtime)
    model.memo._known.clear()
    for kind in ("garments", "parses", "zones"):
        runtime.model(("try-on remembers", kind), Memo)._known.clear()
    parser.asked.clear()
    encoded, encode = [], fitters.Fitter.encoded
    monkeypatch.setattr(fitters.Fitter, "encoded", lambda self, *given: encoded.append(given) or encode(self, *given))
    for me in people:
        for shirt in shirts:
            trying(me, shirt)
    assert len(encoded) == 5
    assert len(parser.asked) == 5 + 6  # and each of the results, to see what is as it was


def test_no_more_is_remembered_than_is_asked_for_again():
    memo, made = Memo(6), []
    for number in [*range(6), 0, 6, 0, 1]:
        assert memo.get(number, lambda number=number: made.append(number) or number) == number
    assert made == [*range(6), 6, 1]


def test_the_zone_alone(parser, tiny_inpaint_checkpoint, runtime, trying):
    me, shirt = person(parser), garment(parser)
    parser.unknown = Part.OTHER  # all of what is painted is new
    chain = igo.Chain(TryOn(model=str(tiny_inpaint_checkpoint), width=48, height=64), runtime=runtime)
    assert chain.layer("mask", me, {"garment": shirt}) == trying(me, shirt)[0].layers["zone"]
    with pytest.raises(MissingReferenceError, match="the reference 'garment', which isn't given"):
        chain.layer("mask", me)


def test_catvton_needs_a_mask(parser, tiny_inpaint_checkpoint, tmp_path):
    save_catvton(tmp_path, tiny_inpaint_checkpoint)
    chain = igo.Chain(TryOn(model=str(tmp_path), base=str(tiny_inpaint_checkpoint), mask="none", width=48, height=64))
    with pytest.raises(SettingsError, match=r"mask is 'none', and .* needs one; choose hull, tight or box"):
        chain.run(image=person(parser), references={"garment": garment(parser)})


def test_more_steps_than_the_model_knows(parser, trying):
    with pytest.raises(SettingsError, match="num_inference_steps is 1001; expected at most 1000"):
        trying(person(parser), garment(parser), num_inference_steps=1001)


def test_steps_that_prepare_see_the_model(parser, trying):
    seen = []

    class Look:
        @igo.hookimpl
        def prepare(self, pipeline):
            seen.append(type(pipeline).__name__)
            return pipeline

    trying(person(parser), garment(parser), also=[Look()])
    assert seen == ["StableDiffusionInpaintPipeline"]


def random_case(random, large=False):
    """A picture and a zone of any shape in it, from a point to all of it."""
    width, height = (4000, 3000) if large else random.integers(1, 260, 2)
    image = Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8))
    mask = np.zeros((height, width), np.uint8)
    for _ in range(random.integers(1, 4)):
        top, left = random.integers(0, height), random.integers(0, width)
        bottom, right = random.integers(top, height) + 1, random.integers(left, width) + 1
        mask[top:bottom, left:right] = random.choice((255, 255, 128, 1))
    return image, Image.fromarray(mask)


@pytest.mark.parametrize("count", [6, pytest.param(300, marks=pytest.mark.slow)])
def test_not_a_byte_changes_outside_any_zone(parser, trying, count):
    random, shirt = np.random.default_rng(count), garment(parser, known=False)
    for number in range(count):
        image, mask = random_case(random, large=count > 100 and number == 0)
        look = trying(image, shirt, layers={"mask": mask}, context=float(random.choice((0, 0.5, 2))))
        assert not changed(look, image)[np.asarray(mask) == 0].any(), f"case {number}"
        assert look.image.size == image.size


@pytest.mark.parametrize("size", [(96, 128), (97, 300), (40, 30), (1, 700), (900, 2), (1, 1), (768, 1024)])
def test_views_fit_the_model_and_lead_back(size):
    random = np.random.default_rng(sum(size))
    image = Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), np.uint8))
    zone = Image.new("L", size)
    zone.putpixel((size[0] // 2, size[1] // 2), 255)
    view = view_of(zone, (96, 128), 0.5)
    canvas, mask = view.shown(image), view.mask(zone, 4)
    assert canvas.size == mask.size == (96, 128)
    assert np.asarray(mask)[::4, ::4].any()
    back = view.back(canvas, image)
    assert back.size == image.size
    if size == (96, 128) or size == (97, 300) or size == (768, 1024):
        assert view.scale == 1
        assert back == image


@pytest.mark.slow
def test_conformance(tiny_inpaint_checkpoint, tmp_path):
    parser = segformers.save(tmp_path / "parser", segformers.MINI)
    settings = {"part": "upper", "on_doubt": "skip", "width": 48, "height": 64, "num_inference_steps": 2}
    plugin = TryOn(model=str(tiny_inpaint_checkpoint), parser=str(parser), **settings)
    mask = Image.new("L", (61, 83))
    mask.paste(255, (10, 10, 40, 50))
    check_plugin(plugin, image=Image.effect_noise((61, 83), 60).convert("RGB"), layers={"mask": mask})
