"""Reading pictures: files, bytes, streams, PIL pictures and arrays, all to the same frozen value."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, TiffImagePlugin

from igo.errors import ImageError
from igo.files import reason
from igo.images.kinds import READABLE
from igo.images.limits import MAX_PIXELS, check_size
from igo.images.opening import decoding, open_picture, read_bytes
from igo.images.pixels import flatten, from_array
from igo.images.texts import exif_of, text_of
from igo.images.transparency import on_white

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Picture:
    """A picture as it was read: upright, in sRGB, with nothing of the file attached to its pixels."""

    image: Image.Image
    """RGB, 8 bits a channel."""
    alpha: Image.Image | None
    """Mode L and of the image's size, 0 = transparent; None if the source has no transparency. The alpha is straight:
    the colours under it are the source's own."""
    icc: bytes | None
    """The ICC profile that the source carried. The pixels are in sRGB: don't attach it to them again."""
    sha256: str
    """Of the bytes of the file; for PIL pictures and arrays, of mode, size and pixels."""
    name: str | None
    """The name of the file, without its folder."""
    format: str | None
    """One of `READABLE`; None for arrays and for PIL pictures made in memory."""
    notes: tuple[str, ...] = ()
    """What was converted, a short line each."""
    text: Mapping[str, str] = field(default_factory=dict)
    """What the file says beside the picture (see `read_text`)."""

    def on_white(self) -> Image.Image:
        """The image as it looks on white paper, RGB: what lies under transparent pixels may be anything."""
        return on_white(self.image, self.alpha)


ImageSource: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[Any] | Picture
"""What `read_image` takes. Bytes are the content of a file, not its path."""


def read_image(source: ImageSource, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture of any kind that `READABLE` names, or a PIL picture, or an array.

    EXIF orientation is applied, ICC profiles are converted to sRGB (one that is sRGB already changes no pixel, one that
    is broken is noted), palettes, gray, CMYK, LAB, 16 bits and floats become 8-bit RGB, transparency is split off, and
    of animated files the first frame is taken. Arrays are H×W, H×W×1, ×2 (gray, alpha), ×3 (RGB) or ×4 (RGBA) in uint8,
    uint16 (0 to 65535), bool or floats (0 to 1). A stream that can seek is read from its start. The content decides the
    format, not the name. The source itself is left as it is. A `Picture` comes back as it is.

    Raises ``ImageError``, before any pixel is decoded where the header tells, for what is missing, unreadable, empty,
    truncated, no picture, in a format that is not read, out of range, or larger than ``max_pixels``.
    """
    return _read(source, max_pixels, by_value=False)


def read_levels(source: ImageSource, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture whose numbers mean more than its colours: a mask.

    As `read_image`, but that profiles are not applied, and that deep gray is scaled by its values: two of them are
    black and white, none above 255 (or 1, of floats) are 8 bits (or 0 to 1). Arrays of whole numbers are taken too.
    """
    return _read(source, max_pixels, by_value=True)


def _read(source: ImageSource, max_pixels: int, by_value: bool) -> Picture:
    if isinstance(source, Picture):
        return source
    if isinstance(source, Image.Image):
        return _read_pil(source, max_pixels, by_value)
    if isinstance(source, np.ndarray):
        return _read_array(source, max_pixels, by_value)
    label, name = source_label(source)
    data = bytes(source) if isinstance(source, bytes | bytearray | memoryview) else read_bytes(source, label)
    opened, kind = open_picture(data, label, max_pixels)
    with opened, decoding(label, kind, opened.size):
        return _decode(opened, label, kind, hashlib.sha256(data).hexdigest(), name, by_value, own=True)


def read_text(source: str | os.PathLike[str] | bytes | BinaryIO, *, max_pixels: int = MAX_PIXELS) -> dict[str, str]:
    """The text in a picture file: what `write_image` put there, or what other tools did.

    From PNG all text chunks, from JPEG and WebP what IGO wrote; failing that, from all formats EXIF UserComment as
    ``parameters``. Empty if there is none. Raises ``ImageError`` as `read_image` does.
    """
    label, _ = source_label(source)
    data = source if isinstance(source, bytes) else read_bytes(source, label)
    opened, kind = open_picture(data, label, max_pixels)
    with opened, decoding(label, kind, opened.size):
        if kind == "PNG":
            opened.load()  # chunks may follow the pixels
        return text_of(opened)


def digest(image: Image.Image, alpha: Image.Image | None = None) -> str:
    """SHA-256 over mode, size and pixels of a picture, and of its alpha where it has one."""
    total = hashlib.sha256()
    for part in (image, alpha):
        if part is not None:
            total.update(f"{part.mode} {part.width}x{part.height} ".encode())
            total.update(part.tobytes())
    return total.hexdigest()


def source_label(source: object) -> tuple[str, str | None]:
    """What to call a source in messages, and the file's name."""
    if isinstance(source, bytes | bytearray | memoryview):
        return "the given data", None
    if isinstance(source, str | os.PathLike):
        text = os.fspath(source)
        if not text:
            raise ImageError("the path is empty: expected the path of a picture file")
        if isinstance(text, bytes):
            raise ImageError(f"{text!r} is a path of bytes: expected text; use os.fsdecode")
        if text.startswith(("http://", "https://", "data:")):
            raise ImageError(f"{text[:60]!r} is an address: expected a path; download the picture first")
        return repr(text), PurePath(text).name or None
    if hasattr(source, "read"):
        name = getattr(source, "name", None)
        return ("the given stream", None) if not isinstance(name, str) else (repr(name), PurePath(name).name)
    kind = f"{type(source).__module__.partition('.')[0]}.{type(source).__name__}"
    hint = f"; pass {_as_array(source)}" if kind.startswith("torch.") else ""
    raise ImageError(f"a {kind} is no picture: expected a path, bytes, a stream, a PIL picture or an array{hint}")


def _as_array(tensor: Any) -> str:
    """How to make an array of a torch tensor, by what its shape says of its channels."""
    shape = tuple(getattr(tensor, "shape", ()))
    batch = "[0]" if len(shape) == 4 else ""
    channels_last = len(shape) == 2 or (len(shape) > 2 and shape[-1] <= 4)
    return f"tensor{batch}{'' if channels_last else '.permute(1, 2, 0)'}.cpu().numpy()"


def _read_pil(source: Image.Image, max_pixels: int, by_value: bool) -> Picture:
    filename = getattr(source, "filename", "")
    name = Path(os.fsdecode(filename)).name or None if filename else None
    label = f"the picture {name!r}" if name else "the picture"
    check_size(source.size, label, max_pixels)
    kind = "JPEG" if source.format == "MPO" else source.format
    undecoded = isinstance(source, ImageFile.ImageFile) and bool(source.tile)
    if undecoded and kind not in READABLE:
        raise ImageError(f"{label} is {kind}: expected {', '.join(READABLE)}; save it as PNG or JPEG first")
    with decoding(label, kind or "PIL", source.size):
        kind = kind if kind in READABLE else None
        return _decode(source, label, kind, _sha256(source), name, by_value, own=False)


def _sha256(source: Image.Image) -> str:
    """Of a PIL picture's mode, size, pixels and palette."""
    source.load()
    digest = hashlib.sha256(f"{source.mode} {source.width}x{source.height}\n".encode())
    digest.update(source.tobytes())
    if source.mode in ("P", "PA"):
        digest.update(bytes(source.getpalette("RGBA") or ()))
    if "transparency" in source.info:
        digest.update(repr(source.info["transparency"]).encode())
    return digest.hexdigest()


def _read_array(source: NDArray[Any], max_pixels: int, by_value: bool) -> Picture:
    label = "the array"
    image, notes = from_array(source, label, max_pixels, by_value)
    digest = hashlib.sha256()
    if source.dtype == np.uint8:
        digest.update(f"{image.mode} {image.width}x{image.height}\n".encode())
        digest.update(image.tobytes())
    else:
        little = np.ascontiguousarray(source, source.dtype.newbyteorder("<"))
        digest.update(f"{little.dtype.str} {'x'.join(map(str, source.shape))}\n".encode())
        digest.update(little.tobytes())
    rgb, alpha, more = flatten(image, label)
    return Picture(rgb, alpha, None, digest.hexdigest(), None, None, (*notes, *more))


def _decode(
    opened: Image.Image, label: str, kind: str | None, sha256: str, name: str | None, by_value: bool, own: bool
) -> Picture:
    """Pixels, alpha and profile of an opened picture; a copy of its pixels unless it is our own."""
    rawmode = _rawmode(opened)
    turned = _turned_by_decoder(opened)
    opened.load()
    notes = ["several frames, the first taken"] if _is_animated(opened) else []
    icc = opened.info.get("icc_profile")
    icc = icc if isinstance(icc, bytes) and icc else None
    rgb, alpha, more = flatten(opened, label, None if by_value else icc, rawmode, by_value)
    orientation = _orientation(opened, notes)
    if rgb is opened:
        rgb = Image.Image()._new(opened.im) if own else opened.copy()
    if orientation > 1:
        rgb = rgb.transpose(_UPRIGHT[orientation])
        alpha = None if alpha is None else alpha.transpose(_UPRIGHT[orientation])
    if max(orientation, turned) > 1:
        notes.append(f"turned upright (EXIF orientation {max(orientation, turned)})")
    for pixels in (rgb, alpha):
        if pixels is not None:
            pixels.info = {}
    return Picture(rgb, alpha, icc, sha256, name, kind, (*notes, *more), _text(opened))


def _text(opened: Image.Image) -> dict[str, str]:
    """What a picture says beside its pixels; nothing where that is damaged."""
    try:
        return text_of(opened)
    except Exception:  # EXIF parsers raise whatever a damaged block makes them stumble on
        return {}


def _rawmode(opened: Image.Image) -> str:
    """Pillow's name of the pixel layout in the file, such as ``RGB;16B``, or nothing if it has been decoded already."""
    for tile in getattr(opened, "tile", ()):
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        if arguments and isinstance(arguments[0], str):
            return arguments[0]
    return ""


def _is_animated(opened: Image.Image) -> bool:
    try:
        return bool(getattr(opened, "is_animated", False))
    except Exception:  # what follows a sound first frame may be damaged in any way
        return True


def _turned_by_decoder(opened: Image.Image) -> int:
    """The orientation that Pillow will apply, and then forget, while it decodes a TIFF; or that a HEIF came with."""
    if isinstance(opened, TiffImagePlugin.TiffImageFile):
        return _orientation(opened, [])
    told = opened.info.get("original_orientation") if opened.format == "HEIF" else None
    return told if isinstance(told, int) and told in _UPRIGHT else 1


def _orientation(opened: Image.Image, notes: list[str]) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none or the EXIF data is broken."""
    try:
        value = exif_of(opened).get(_ORIENTATION, 1)
    except Exception as error:  # EXIF parsers raise whatever a damaged block makes them stumble on
        notes.append(f"EXIF data ignored: {reason(error)}")
        return 1
    return value if isinstance(value, int) and value in _UPRIGHT else 1
