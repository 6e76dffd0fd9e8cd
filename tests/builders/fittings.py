"""People and garments to try on, drawn, with a parser that knows by heart what they show; tiny try-on checkpoints."""

import numpy as np
from PIL import Image

from igo.wardrobe import lay_flat, sample
from igo_plugins.parsing.labels import PARTS, Part
from tests.builders.parses import drawn

KIND = {"upper": Part.TOP, "lower": Part.PANTS, "dress": Part.DRESS}


class Knowing:
    """In place of a loaded parser: it tells what it was shown, and sees ``unknown`` in other pictures (a part, or a
    parse; nothing, unless a test says so)."""

    def __init__(self):
        self.known, self.asked, self.sure, self.unknown = {}, [], 0.9, Part.BACKGROUND

    def learn(self, image, parse):
        self.known[image.tobytes()] = np.asarray(parse, np.uint8)
        return image

    def parse(self, image):
        self.asked.append(image)
        if (known := self.known.get(image.tobytes())) is not None:
            return known
        return np.broadcast_to(np.asarray(self.unknown, np.uint8), (image.height, image.width))

    def soft(self, image, phrases):
        parse = self.known.get(image.tobytes(), np.zeros((image.height, image.width), np.uint8))
        return np.stack([np.where(parse == PARTS.index(one), self.sure, 0).astype(np.float32) for one in phrases])


def person(parser, figure=3, width=128, height=192):
    """Somebody drawn whom the parser knows."""
    pixels, parse = drawn(figure, width, height)
    return parser.learn(Image.fromarray(pixels), parse)


def garment(parser, figure=5, part="upper", ground=(244, 243, 240), size=(90, 120), known=True):
    """What somebody wears, laid flat."""
    lain = lay_flat(sample(figure) if isinstance(figure, int) else figure, part, *size, ground)
    image = Image.fromarray(lain.image)
    return parser.learn(image, np.where(lain.shape > 0.5, KIND[part], 0)) if known else image


def save_catvton(folder, base, *variants, seed=7):
    """CatVTON's layout with random attention of the base's shape, in sub-folders or in the folder itself."""
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import save_file

    from igo.networks.tryon import attentions

    unet = UNet2DConditionModel.from_pretrained(base / "unet")
    for number, variant in enumerate(variants or ("",)):
        generator = torch.Generator().manual_seed(seed + number)
        state = {k: torch.randn(v.shape, generator=generator) * 0.3 for k, v in attentions(unet).items()}
        place = folder / variant / "attention"
        place.mkdir(parents=True)
        save_file(state, place / "model.safetensors")
    return folder
