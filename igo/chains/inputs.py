"""The pictures that a run begins with: read once, each with where it came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from igo.errors import LayerError, SettingsError
from igo.records.provenance import Origin, origin
from igo.values import SOFT_LAYERS, Entry, check_layers, check_table

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo.images import ImageSource, Mask, Picture


def read_inputs(
    image: ImageSource | None, layers: Mapping[str, ImageSource | Mask], width: int | None, height: int | None
) -> tuple[dict[str, Image], dict[str, Origin], list[Entry]]:
    """Pictures and layers as the chain uses them, where each came from, and what there is to say about how they were
    read. A photo's alpha becomes a layer.

    With a picture, ``width`` and ``height`` resize it, and all layers with it.
    """
    check_table(layers)
    if image is None and not layers:
        return {}, {}, []
    from PIL.Image import Resampling

    from igo.images import Mask, read_image, read_mask, resized

    pictures: dict[str, Image] = {}
    origins: dict[str, Origin] = {}
    notes: list[Entry] = []
    if image is not None:
        photo = read_image(image)
        pictures["image"], origins["image"] = photo.image, origin(photo)
        if photo.alpha is not None:
            pictures["alpha"] = photo.alpha
            notes += _nothing_seen("image", photo)
    for name, source in layers.items():
        if name == "image":
            raise LayerError("a layer can't be called 'image'; give the picture itself as image=")
        if name == "mask":
            mask = read_mask(source)
            layer, pictures[name] = mask.picture, mask.image
            if mask.notes:
                notes.append(Entry(name, {"note": "; ".join(mask.notes)}))
        else:
            layer = source.picture if isinstance(source, Mask) else read_image(source)
            pictures[name] = _levels(layer) if name == "alpha" else _in_its_mode(layer)
        origins[name] = origin(layer)
    if image is not None:
        check_layers(pictures["image"], pictures)
        how = {"image": Resampling.LANCZOS, **dict.fromkeys(SOFT_LAYERS, Resampling.BILINEAR)}
        pictures = {
            name: resized(picture, width, height, how.get(name, Resampling.NEAREST))
            for name, picture in pictures.items()
        }
    return pictures, origins, notes


def read_references(
    references: Mapping[str, ImageSource], taken: Iterable[str] = ()
) -> tuple[dict[str, Image], dict[str, Origin], list[Entry]]:
    """References as the chain uses them, RGB and on white, where each came from, and what there is to say about them.

    Records have one name for each input: ``taken`` are those of the layers. Raises ``SettingsError``.
    """
    check_table(references, "references")
    pictures: dict[str, Image] = {}
    origins: dict[str, Origin] = {}
    notes: list[Entry] = []
    for name, source in references.items():
        if name == "image" or name in taken:
            other = "the picture to start from" if name == "image" else "a layer"
            raise SettingsError(f"a reference can't be called '{name}', as {other} is; call it otherwise")
        from igo.images import read_image

        picture = read_image(source)
        pictures[name], origins[name] = picture.on_white(), origin(picture)
        notes += _nothing_seen(name, picture)
    return pictures, origins, notes


def _levels(picture: Picture) -> Image:
    """A picture's alpha, if it is transparent somewhere, else its luminance: mode L."""
    opaque = picture.alpha is None or picture.alpha.getextrema() == (255, 255)
    return picture.image.convert("L") if picture.alpha is None or opaque else picture.alpha


def _in_its_mode(picture: Picture) -> Image:
    """A picture's colours (RGB) on black; of one that shows none, its levels (L)."""
    from PIL import Image, ImageChops

    shown = picture.image
    if picture.alpha is not None:
        shown = Image.composite(shown, Image.new("RGB", shown.size), picture.alpha)
    red, green, blue = shown.split()
    gray = all(ImageChops.difference(red, other).getbbox() is None for other in (green, blue))
    return _levels(picture) if gray else shown


def _nothing_seen(name: str, picture: Picture) -> list[Entry]:
    """What there is to say about a picture that is transparent everywhere."""
    if picture.alpha is None or picture.alpha.getextrema() != (0, 0):
        return []
    return [Entry(name, {"note": "it is transparent everywhere: nothing of it can be seen"})]
