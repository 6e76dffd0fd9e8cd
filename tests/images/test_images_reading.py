"""A picture comes from wherever people have it, or is refused in one line."""

import io
import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

import igo.images.opening as opening
from igo.images import ImageError, read_image
from tests.builders.pictures import READ_HERE, encode, pixels, png, refusal

RNG = np.random.default_rng(7)
COLOURS = RNG.integers(0, 256, (7, 5, 3), np.uint8)

# --- where a picture comes from


def test_path_bytes_stream_pil_and_array_give_the_same_pixels(tmp_path):
    image = Image.fromarray(COLOURS)
    data = encode(image, "PNG")
    path = tmp_path / "look.png"
    path.write_bytes(data)
    stream = io.BytesIO(data)
    stream.seek(5)
    with path.open("rb") as opened:
        sources = [str(path), path, data, bytearray(data), stream, opened, image, Image.open(path), COLOURS]
        pictures = [read_image(source) for source in sources]
    assert read_image(pictures[0]) is pictures[0]
    for picture in pictures:
        assert picture.image.mode == "RGB"
        assert picture.alpha is None
        np.testing.assert_array_equal(pixels(picture), COLOURS)
    assert [picture.name for picture in pictures[:3]] == ["look.png", "look.png", None]
    assert [picture.format for picture in pictures[-2:]] == ["PNG", None]
    assert len({picture.sha256 for picture in pictures[:6]}) == 1
    assert len({picture.sha256 for picture in pictures[6:]}) == 1


def test_the_source_is_left_as_it_is_and_shares_no_pixels():
    image = Image.fromarray(COLOURS)
    image.info["comment"] = "mine"
    picture = read_image(image)
    picture.image.putpixel((0, 0), (1, 2, 3))
    np.testing.assert_array_equal(np.asarray(image), COLOURS)
    assert image.info == {"comment": "mine"}
    assert picture.image.info == {}


@pytest.mark.parametrize("kind", READ_HERE)
def test_every_readable_format_is_read(kind):
    picture = read_image(encode(Image.new("RGB", (16, 16), (200, 30, 60)), kind))
    assert picture.format == kind
    assert np.abs(pixels(picture).astype(int) - (200, 30, 60)).max() <= 4


def test_the_content_decides_and_not_the_name(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(Image.fromarray(COLOURS), "PNG"))
    assert read_image(path).format == "PNG"


def test_pictures_that_differ_only_in_palette_or_shape_have_other_hashes():
    first = Image.fromarray(COLOURS[:, :, 0]).convert("P")
    second = first.copy()
    second.putpalette([9, 9, 9] * 256)
    assert read_image(first).sha256 != read_image(second).sha256
    assert read_image(np.zeros((2, 8), np.uint8)).sha256 != read_image(np.zeros((4, 4), np.uint8)).sha256


# --- frames and sizes


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(kind):
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue", "lime")]
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = read_image(encode(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert pixels(picture)[0, 0].tolist() == [255, 0, 0]
    assert "several frames, the first taken" in picture.notes


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1)])
def test_thin_pictures_are_read(size):
    assert read_image(encode(Image.new("RGB", size), "PNG")).image.size == size


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_picture_beyond_pillows_own_limit_is_read_without_a_warning(kind):
    options = {"compression": "tiff_lzw"} if kind == "TIFF" else {}
    data = encode(Image.new("L", (12000, 9000), 255), kind, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = read_image(data)
    assert picture.image.size == (12000, 9000)
    assert picture.image.getpixel((11999, 8999)) == (255, 255, 255)


def test_a_bomb_is_refused_by_its_header_and_pillows_limit_is_not_touched(monkeypatch):
    def never(*args):
        raise AssertionError("pixels were decoded")

    before = Image.MAX_IMAGE_PIXELS
    bomb = png(60000, 60000, 8, 2, b"\0" * 60000)
    webp = bytearray(encode(Image.new("RGBA", (2, 2)), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"))
    webp[24:30] = b"\xff\xff\xff\xff\xff\xff"
    monkeypatch.setattr(ImageFile.ImageFile, "load", never)
    assert "60000x60000 pixels (3,600.0 MP): expected at most 256.0 MP" in refusal(bomb)
    assert "16777216x16777216 pixels" in refusal(bytes(webp))
    small = Image.new("RGB", (20, 20))
    for kind in READ_HERE:
        assert "20x20 pixels (0.0 MP): expected at most 0.0 MP" in refusal(encode(small, kind), max_pixels=399)
    assert "20x20" in refusal(small, max_pixels=399)
    assert "20x20" in refusal(np.zeros((20, 20)), max_pixels=399)
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_tile_that_is_larger_than_its_tiff_is_refused():
    directory = ImageFileDirectory_v2()
    tags = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 277: 1, 322: 60000, 323: 60000, 324: 8, 325: 64}
    for tag, value in tags.items():
        directory[tag] = value
    buffer = io.BytesIO()
    directory.save(buffer)
    assert "has 60000x60000 pixels" in refusal(buffer.getvalue() + bytes(64))


def test_many_threads_read_at_once():
    data = [encode(Image.new("RGB", (9, 9), (n, n, n)), "PNG") for n in range(16)]
    seen = {}
    threads = [threading.Thread(target=lambda n=n: seen.update({n: read_image(data[n])})) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(pixels(seen[n])[0, 0, 0] == n for n in range(16))


# --- arrays


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.bool_, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
def test_arrays_of_every_kind(dtype, channels):
    levels = RNG.integers(0, 2, (3, 4, channels) if channels else (3, 4)) * 255
    scale = {"u1": 1, "u2": 257, "b1": 1}.get(np.dtype(dtype).str[1:], 1 / 255)
    picture = read_image((levels * scale).astype(dtype))
    colours = levels[:, :, None] if channels == 0 else levels[:, :, :-1] if channels in (2, 4) else levels
    np.testing.assert_array_equal(pixels(picture), np.broadcast_to(colours, (3, 4, 3)))
    assert (picture.alpha is not None) == (channels in (2, 4))
    if channels in (2, 4):
        np.testing.assert_array_equal(np.asarray(picture.alpha), levels[:, :, -1])


def test_strided_arrays_and_rounding_just_outside_the_range():
    np.testing.assert_array_equal(pixels(read_image(COLOURS[::-1, ::2])), COLOURS[::-1, ::2])
    assert pixels(read_image(np.array([[-1e-7, 1 + 1e-7]])))[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize(
    ("array", "hint"),
    [
        (np.full((2, 2), np.nan), "NaN"),
        (np.full((2, 2), np.inf), "infinite"),
        (np.full((2, 2), 200.0), "divide by 255"),
        (np.array([[-1.0, 1.0]]), "(x + 1) / 2"),
        (np.array([[-9.0, 1.0]]), "scale it"),
        (np.zeros((2, 2), np.int64), "astype"),
        (np.zeros((2, 2), object), "astype"),
        (np.zeros((3, 8, 8)), "transpose(1, 2, 0)"),
        (np.zeros((8, 8, 9)), "array[:, :, :3]"),
        (np.zeros((1, 8, 8, 3)), "array[0]"),
        (np.zeros((2, 8, 8, 3)), "one picture"),
        (np.zeros(8), "one picture"),
        (np.float32(1) * np.ones(()), "one picture"),
        (np.zeros((0, 8), np.uint8), "at least 1x1"),
    ],
)
def test_other_arrays_are_refused_with_a_hint(array, hint):
    assert hint in refusal(np.asarray(array))


def test_a_tensor_is_refused_with_a_hint():
    tensor = type("Tensor", (), {"__module__": "torch"})()
    assert "a torch.Tensor is no picture" in refusal(tensor)
    assert "numpy()" in refusal(tensor)
    assert "a builtins.int is no picture" in refusal(7)


# --- refusals


def test_what_is_no_file(tmp_path, monkeypatch):
    assert "does not exist" in refusal(tmp_path / "no.png")
    assert "is a folder" in refusal(tmp_path)
    assert "is no path" in refusal("look\0.png")
    assert "is empty" in refusal("")
    assert "download" in refusal("https://example.org/look.png")
    assert "os.fsdecode" in refusal(type("Odd", (), {"__fspath__": lambda self: b"x"})())
    assert "mode 'rb'" in refusal(io.StringIO("text"))
    path = tmp_path / "locked.png"
    path.write_bytes(b"x")

    def locked(*args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(opening.Path, "open", locked)
    assert "check its permissions" in refusal(path)


def test_a_file_that_is_too_large_to_be_a_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "MAX_BYTES", 100)
    path = tmp_path / "huge.png"
    path.write_bytes(bytes(101))
    assert "larger than" in refusal(path)
    assert "larger than" in refusal(io.BytesIO(bytes(101)))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is empty (0 bytes)"),
        (b"Not a picture at all", "a text file"),
        ("é".encode() * 600, "a text file"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a PostScript file"),
        (b"\xc5\xd0\xd3\xc6" + bytes(40), "a PostScript file"),
        (b"%PDF-1.7\n", "a PDF file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"\xef\xbb\xbf<!DOCTYPE html>", "an HTML or XML text"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "a video"),
        (b"PK\x03\x04" + bytes(30), "a ZIP archive"),
        (bytes(range(128, 256)), "no picture of a known kind"),
        (bytes(64), "no picture of a known kind"),
    ],
)
def test_what_is_no_picture_is_named(data, what, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    message = refusal(path)
    assert what in message
    assert "photo.jpg" in message
    assert "expected PNG, JPEG" in message


def test_formats_that_call_outside_programs_are_refused_even_when_opened_by_pillow(monkeypatch):
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    opened = Image.open(io.BytesIO(data))
    monkeypatch.setattr(type(opened), "load", lambda *args, **options: pytest.fail("Ghostscript would run"))
    assert "is EPS: expected" in refusal(opened)


@pytest.mark.parametrize("kind", READ_HERE)
def test_truncated_files_are_refused(kind):
    data = encode(Image.fromarray(RNG.integers(0, 256, (24, 24, 3), np.uint8)), kind)
    for length in range(1, len(data) - 20, max(1, len(data) // 24)):
        refusal(data[:length])
    if kind == "HEIF":  # which Pillow doesn't open by itself
        return
    opened = Image.open(io.BytesIO(data))
    opened.load()
    assert read_image(opened).format == kind


def test_a_truncated_picture_that_pillow_has_opened_is_refused():
    data = encode(Image.fromarray(RNG.integers(0, 256, (24, 24, 3), np.uint8)), "PNG")
    assert "truncated" in refusal(Image.open(io.BytesIO(data[:-400])))


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(READ_HERE), at=st.floats(0, 1), junk=st.binary(min_size=1, max_size=6))
def test_damaged_files_are_read_or_refused_and_nothing_else(kind, at, junk):
    data = bytearray(encode(Image.fromarray(COLOURS), kind))
    start = int(at * (len(data) - 1))
    data[start : start + len(junk)] = junk
    try:
        outcome = read_image(bytes(data), max_pixels=1_000_000).image.mode
    except ImageError as error:
        outcome = str(error)
    assert outcome == "RGB" or ("expected" in outcome and "\n" not in outcome)


def test_what_pillow_logs_does_not_reach_the_terminal(tmp_path):
    """In a process of its own: where pytest listens to logs, Python writes none of them to standard error."""
    path = tmp_path / "many-samples.tif"
    Image.new("RGB", (4, 4)).save(path, tiffinfo={277: 3})
    data = path.read_bytes()
    entry = b"\x15\x01\x03\x00\x01\x00\x00\x00"  # samples per pixel: one short
    path.write_bytes(data.replace(entry + b"\x03\x00", entry + b"\x04\xef"))
    code = "import sys; from igo.images import read_image; read_image(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert "ImageError" in done.stderr
    assert not [line for line in done.stderr.splitlines() if line.startswith("More samples")]


def test_what_never_ends_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path, kind in ((tmp_path / "pipe.png", "a named pipe"), ("/dev/zero", "a device"), (os.devnull, "a device")):
        with pytest.raises(ImageError, match=f"can't be read \\(it is {kind}\\): expected a picture file"):
            read_image(path)
