import copy
import dataclasses
import pickle

import numpy as np
import pytest
from PIL import Image

from igo.chains.chain import Chain
from igo.errors import ImageError, LayerError, SettingsError
from igo.values import Entry, Frame, Request


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 0),
        ("height", -8),
        ("num_images", 0),
        ("num_inference_steps", 2.5),
        ("num_images", True),
        ("seed", -1),
        ("seed", 2**63),
        ("seed", "7"),
        ("guidance_scale", -0.1),
        ("strength", 1.01),
        ("strength", float("nan")),
        ("prompt", None),
        ("prompt", "a\0b"),
        ("negative_prompt", 3),
    ],
)
def test_request_refuses_what_cannot_be_meant(name, value):
    with pytest.raises(SettingsError, match=rf"^{name} is .*expected"):
        Request(**{name: value})


def test_request_is_frozen_and_replaced_with_checks():
    request = Request(prompt="a", seed=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.seed = 2
    with pytest.raises(TypeError):
        request.layers["mask"] = None
    assert request.replace(seed=2) == Request(prompt="a", seed=2)
    with pytest.raises(SettingsError, match=r"a request has no 'steps'"):
        request.replace(steps=3)
    with pytest.raises(SettingsError, match="strength is 7"):
        request.replace(strength=7)


def test_references_are_of_any_size_and_rgb(photo):
    shirt = Image.new("RGB", (3, 200))
    request = Request(image=photo, references={"garment": shirt})
    assert request.replace(seed=2).references == {"garment": shirt}
    assert pickle.loads(pickle.dumps(request)) == copy.deepcopy(request) == request
    with pytest.raises(TypeError):
        request.references["style"] = shirt
    with pytest.raises(
        ImageError, match=r"a request got a picture in mode RGBA as reference 'a'; expected .* mode RGB"
    ):
        Request(references={"a": Image.new("RGBA", (2, 2))})
    with pytest.raises(ImageError, match="a request got a str as reference 'a'; expected a PIL picture"):
        Request(references={"a": "shirt.png"})


@pytest.mark.parametrize("references", [[1], "shirt.png", 3, {1: 2}, None])
def test_references_are_given_by_their_names(references):
    with pytest.raises(
        SettingsError, match=r"^references is a .*; expected pictures by their names, such as {'garment'"
    ):
        Request(references=references)


@pytest.mark.parametrize("name", ["", " ", "a\0b", "a\nb", "\ud800", "n" * 101])
def test_names_of_pictures_are_such_as_a_record_can_hold(name):
    with pytest.raises(SettingsError, match=r"references has one called .*; expected 1 to 100 printable characters"):
        Request(references={name: Image.new("RGB", (2, 2))})
    with pytest.raises(LayerError, match=r"layers has one called .*; expected 1 to 100 printable characters"):
        Request(layers={name: Image.new("L", (2, 2))})


def test_layers_must_fit_the_image(photo):
    with pytest.raises(LayerError, match="layer 'mask' is 8x8; expected a picture of 37x53"):
        Request(image=photo, layers={"mask": Image.new("L", (8, 8))})
    with pytest.raises(LayerError, match="layer 'mask' is a str"):
        Frame(photo, layers={"mask": "mask.png"})


@pytest.mark.parametrize("image", [Image.new("RGBA", (2, 2)), Image.new("L", (2, 2)), "photo.jpg", None])
def test_frame_takes_rgb_only(image):
    with pytest.raises(ImageError, match="expected a PIL picture in mode RGB"):
        Frame(image)


def test_changing_the_image_drops_layers_that_are_not_kept(photo):
    mask, depth = Image.new("L", photo.size, 255), Image.new("L", photo.size)
    frame = Frame(photo, layers={"mask": mask}).with_layer("depth", depth)
    other = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert dict(frame.with_image(other).layers) == {}
    assert dict(frame.with_image(other, keep=("mask",)).layers) == {"mask": mask}
    with pytest.raises(LayerError, match="layer 'parse' is to be kept, but the frame has: depth, mask"):
        frame.with_image(other, keep=("parse",))
    with pytest.raises(LayerError, match="layer 'mask' is 37x53"):
        frame.with_image(photo.resize((5, 5)), keep=("mask",))


def test_the_place_of_the_picture_before_outlives_changes_of_colour_and_has_an_area(photo):
    moved = Frame(photo).with_image(photo, place=(-3, 0, 34, 53))
    assert moved.with_image(photo, blurred=True).place == (-3, 0, 34, 53)
    assert moved.with_image(photo.resize((5, 5))).place is None
    with pytest.raises(SettingsError, match=r"place is \(3, 0, 3, 9\); expected left, top, right and bottom"):
        Frame(photo).with_image(photo, place=(3, 0, 3, 9))


def test_numpys_numbers_become_plain_ones():
    request = Request(width=np.int64(8), strength=np.float32(0.5))
    assert (type(request.width), type(request.strength)) == (int, float)


def test_requests_and_frames_can_be_sent_to_another_process(photo):
    request = Request(prompt="a", image=photo, layers={"mask": photo.convert("L")})
    again = pickle.loads(pickle.dumps(request))
    assert again == request
    assert copy.deepcopy(Frame(photo).noted(area=1)) == Frame(photo).noted(area=1)


def test_what_a_history_cannot_hold_is_refused_by_name(photo):
    with pytest.raises(SettingsError, match="a report has 'score' of type float32; expected plain numbers"):
        Frame(photo).noted(score=np.float32(0.5))


@pytest.mark.parametrize("image", [Image.new("L", (2, 2)), "photo.jpg"])
def test_a_request_takes_rgb_only(image):
    with pytest.raises(ImageError, match=r"a request got a .*; expected a PIL picture in mode RGB"):
        Request(image=image)


def test_history_grows_by_what_is_reported(photo):
    frame = Frame(photo)
    assert frame.noted() is frame
    assert frame.with_image(photo, area=0.2).noted(score=1).history == (
        Entry("", {"area": 0.2}),
        Entry("", {"score": 1}),
    )


@pytest.mark.parametrize("layers", [[1], "mask", 3, {1: 2}, None])
def test_layers_are_given_by_their_names(layers):
    image = Image.new("RGB", (4, 4))
    for make in (lambda: Request(image=image, layers=layers), lambda: Frame(image, layers=layers)):
        with pytest.raises(LayerError, match=r"^layers is a .*; expected pictures by their names, such as"):
            make()
    if layers is not None:
        with pytest.raises(LayerError, match=r"^layers is a "):
            Chain().run(image=image, layers=layers)
