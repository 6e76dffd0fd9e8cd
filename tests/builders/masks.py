"""A stand-in for CLIPSeg that finds boxes at known places."""

import numpy as np

from igo_plugins.styling.text_mask import working_size

SIZE = (64, 96)
PLACES = {
    "t-shirt": (20, 24, 44, 50),
    "jeans": (22, 50, 42, 86),
    "face": (26, 8, 38, 20),
    "bare skin": (12, 24, 52, 60),
    "hands": (10, 54, 16, 62),
    "everything": (0, 0, 64, 96),
}


class Boxes:
    """Stands where CLIPSeg would: each phrase is a box, found with a certainty; others are not there."""

    def __init__(self, certainty=0.9):
        self.certainty = certainty
        self.asked = []

    def soft(self, image, asked):
        self.asked.append(asked)
        width, height = working_size(image.size)
        found = np.full((len(asked), height, width), 0.05, np.float32)
        for row, phrase in enumerate(asked):
            if phrase in PLACES:
                left, top, right, bottom = (round(edge * width / SIZE[0]) for edge in PLACES[phrase])
                found[row, top:bottom, left:right] = self.certainty
        return found

    def evidence(self, image, text):
        return self.soft(image, (text,))[0]

    def shortened(self, phrase):
        return None
