"""What the image processors of transformers do to pictures, in torch, on whole batches."""

from dataclasses import dataclass
from typing import Any

from PIL import Image
from torch import Tensor
from torch.nn import functional

from igo.errors import CheckpointError


@dataclass(frozen=True)
class Preprocessing:
    """Pictures are stretched to ``size`` (width, height), scaled to 0..1 and normalised.

    A picture of another shape is stretched, not padded: bars would waste what is computed on them, and a model that
    learns on stretched pictures doesn't mind them.
    """

    size: tuple[int, int]
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    @classmethod
    def of(cls, processor: Any) -> "Preprocessing":
        """That of a loaded image processor. Raises ``CheckpointError`` for one that keeps the shape of a picture."""
        if not (processor.size.get("width") and processor.size.get("height")):
            raise CheckpointError(
                f"pictures of no fixed size ({dict(processor.size)}) can't be trained on; expected a width and a "
                "height in preprocessor_config.json"
            )
        size = int(processor.size["width"]), int(processor.size["height"])
        if not processor.do_normalize:
            return cls(size, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        return cls(size, tuple(processor.image_mean), tuple(processor.image_std))

    def apply(self, pictures: Tensor) -> Tensor:
        """N×H×W×3 uint8 to N×3×height×width."""
        values = pictures.permute(0, 3, 1, 2).float() / 255
        width, height = self.size
        shrunk = pictures.shape[1] > height or pictures.shape[2] > width
        return self.normalise(functional.interpolate(values, (height, width), mode="bilinear", antialias=shrunk))

    def normalise(self, values: Tensor) -> Tensor:
        """N×3×H×W in 0..1 to zero mean and unit deviation."""
        return (values - values.new_tensor(self.mean).view(3, 1, 1)) / values.new_tensor(self.std).view(3, 1, 1)

    def document(self, **kind: object) -> dict[str, object]:
        """The content of ``preprocessor_config.json``; ``kind`` names the class, and says what else it needs."""
        return {
            **kind,
            "do_resize": True,
            "size": {"height": self.size[1], "width": self.size[0]},
            "resample": int(Image.Resampling.BILINEAR),
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": list(self.mean),
            "image_std": list(self.std),
        }
