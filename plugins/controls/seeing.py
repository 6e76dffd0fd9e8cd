"""Models of transformers that look at a picture, each with its image processor: loaded once, asked in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from igo.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from PIL.Image import Image

    from igo import Runtime
    from igo.licensing import License

T = TypeVar("T")


@dataclass(frozen=True)
class Seeing:
    """A loaded model: ``what`` is what messages call it."""

    what: str
    model: Any
    processor: Any
    identity: str
    license: License

    def looked(self, image: Image, read: Callable[[Any], T], **more: Any) -> T:
        """What ``read`` makes of the model's answer to the picture (RGB), in float32 on the CPU.

        ``more`` goes to the image processor. Raises ``CheckpointError`` for a model whose files don't go together, or
        whose answers are no numbers.
        """
        import numpy as np
        import torch

        from igo.networks.folders import one_line

        with one_line(self.what, "name another", "fails when it is asked"), torch.no_grad():
            # told which axis is that of colours, which transformers can't see of pictures 1 or 3 pixels wide
            inputs = self.processor(
                images=np.asarray(image), input_data_format="channels_last", return_tensors="pt", **more
            )
            inputs = inputs.to(self.model.device, self.model.dtype)
            answer = self.model(**inputs, **self._dataset(len(inputs["pixel_values"])))
            for name, value in answer.items():
                if isinstance(value, torch.Tensor):
                    answer[name] = value.float().cpu()
                    if not answer[name].isfinite().all():
                        raise CheckpointError(f"{self.what} gives values that are no numbers; use float32, or another")
            return read(answer)

    def _dataset(self, pictures: int) -> dict[str, Any]:
        """ViTPose+ is told of which of its data sets the joints are wanted; COCO is the first."""
        import torch

        backbone = getattr(self.model.config, "backbone_config", None)
        if getattr(backbone, "num_experts", 1) == 1:
            return {}
        return {"dataset_index": torch.zeros(pictures, dtype=torch.long, device=self.model.device)}


def load(
    kind: str, families: Collection[str], name: str, revision: str | None, what: str, expected: str, runtime: Runtime
) -> Seeing:
    """A model from a folder or a hub's name, kept by ``runtime`` and put on the run's record.

    ``kind`` is a class of transformers, such as ``"AutoModelForDepthEstimation"``, ``families`` are the types of models
    that it loads. Raises ``CheckpointError``, which begins with ``what`` and ends with ``expected``.
    """

    def read() -> Seeing:
        import transformers

        from igo.licensing import stated
        from igo.networks.folders import description, identity, load_model, one_line, place_of
        from igo.networks.quiet import quietly

        told = f"{what} {name!r}"
        with quietly(), one_line(told, expected):
            place = place_of(name, told, expected, revision, runtime.permit)
            family = description(place / "config.json").get("model_type")
            if family not in families:
                has = "no config.json" if family is None else f"a model of type {family!r}"
                raise CheckpointError(f"{told} can't be loaded: it has {has}; {expected}")
            model = load_model(getattr(transformers, kind), place, told, dtype=runtime.dtype)
            processor = transformers.AutoImageProcessor.from_pretrained(place, trust_remote_code=False)
            return Seeing(told, model.to(runtime.device).eval(), processor, identity(place, name), stated(place))

    seeing: Seeing = runtime.model((kind, name, revision), read)
    runtime.identify(name, seeing.identity, seeing.license)
    return seeing
