"""Picture files in the kinds that people have, also those that Pillow itself does not write."""

import io
import itertools
import struct
import zlib
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image, ImageCms

from igo.images import READABLE, ImageError, read_image

UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}
"""For each EXIF orientation, what makes an array of pixels upright."""


HEIF = find_spec("pillow_heif") is not None
"""Whether the package is here that reads phones' photos."""
READ_HERE = READABLE if HEIF else tuple(kind for kind in READABLE if kind != "HEIF")


def encode(image, kind, **options):
    """The bytes of a file."""
    buffer = io.BytesIO()
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.from_pillow(image).save(buffer, **options)
        return buffer.getvalue()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(picture):
    """The colours of what `read_image` gave, H×W×3."""
    return np.asarray(picture.image)


def refusal(source, **options):
    """The message with which a source is refused, which is one line."""
    with pytest.raises(ImageError) as caught:
        read_image(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


def png(width, height, depth, colour_type, raw, *chunks):
    """A PNG from its raw scan lines, for layouts that Pillow does not write."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    step = len(raw) // height
    lines = b"".join(b"\0" + raw[at : at + step] for at in range(0, len(raw), step))
    body = b"".join(chunk(name, content) for name, content in [*chunks, (b"IDAT", zlib.compress(lines))])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def ycck(cmyk):
    """A YCCK JPEG as Adobe's programs write it: Pillow writes the four channels, a patched marker names them."""
    cyan, magenta, yellow, black = cmyk.split()
    luma = Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr")
    inverted = [channel.point([255 - level for level in range(256)]) for channel in luma.split()]
    data = bytearray(encode(Image.merge("CMYK", (*inverted, black)), "JPEG", quality=100))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def srgb_profile():
    """Plain sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile():
    """A profile for RGB whose red and green primaries have changed places."""
    data = bytearray(srgb_profile())
    count = int.from_bytes(data[128:132], "big")
    tags = {bytes(data[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    data[red : red + 4], data[green : green + 4] = data[green : green + 4], data[red : red + 4]
    return bytes(data)


def gray_profile(gamma):
    """A profile for gray with a plain gamma curve."""
    curve = b"curv" + bytes(4) + struct.pack(">IHH", 1, round(gamma * 256), 0)
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": curve})


def cmyk_profile():
    """A profile for CMYK whose cyan ink is magenta, and the other way round."""
    corners = [
        tuple(255 * (1 - ink) * (1 - black) for ink in (magenta, cyan, yellow))
        for cyan, magenta, yellow, black in itertools.product((0, 1), repeat=4)
    ]
    colours = Image.fromarray(np.array([corners], np.uint8))
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    bands = ImageCms.applyTransform(colours, to_lab).split()  # not its tobytes, which flips the signs of a and b
    lattice = np.stack([np.asarray(band) for band in bands], axis=-1).tobytes()
    identity = struct.pack(">9i", *np.eye(3, dtype=int).ravel() * 65536)
    ramp = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + ramp * 4 + lattice + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table})


def _profile(kind, space, connection, tags):
    """An ICC profile, version 2.4, with D50 as its white."""
    white = struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    tags = {b"wtpt": b"XYZ " + bytes(4) + white, **{name: tag + bytes(-len(tag) % 4) for name, tag in tags.items()}}
    at = 128 + 4 + 12 * len(tags)
    table = struct.pack(">I", len(tags))
    for name, tag in tags.items():
        table += name + struct.pack(">II", at, len(tag))
        at += len(tag)
    head = struct.pack(">I4sI", at, bytes(4), 0x02400000) + kind + space + connection
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + white
    return head.ljust(128, b"\0") + table + b"".join(tags.values())
