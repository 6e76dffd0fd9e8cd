"""Which of diffusers' pipelines does which task: a family's from text, from a picture, and in masks.

diffusers' ``AutoPipeline`` knows them all, and imports every pipeline that there is to say so, which takes as long as
painting with `mini`. So those that nearly everybody uses stand here, and it is asked for the others.
"""

from __future__ import annotations

import inspect
from typing import Any

from igo.painting.job import Task

FAMILIES: tuple[dict[Task, str], ...] = tuple(
    {"text2img": f"{name}Pipeline", "img2img": f"{name}Img2ImgPipeline", "inpaint": f"{name}InpaintPipeline"}
    for name in ("StableDiffusion", "StableDiffusionXL")
)
"""The names of their classes, as ``AutoPipeline`` has them."""


def class_for(kind: str, task: Task) -> Any:
    """The class that does a task for the family of the class named ``kind``; ``None`` where diffusers lists none."""
    import diffusers

    for family in FAMILIES:
        if kind in family.values():
            return getattr(diffusers, family[task])
    auto = _auto()
    known = {
        "text2img": auto.AUTO_TEXT2IMAGE_PIPELINES_MAPPING,
        "img2img": auto.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING,
        "inpaint": auto.AUTO_INPAINT_PIPELINES_MAPPING,
    }
    return auto._get_task_class(known[task], kind, throw_error_if_not_exist=False)


def task_of(kind: type) -> Task:
    """What a pipeline's class does: as diffusers lists it, or by what its call takes."""
    for family in FAMILIES:
        for task, name in family.items():
            if kind.__name__ == name:
                return task
    auto = _auto()
    if kind in auto.AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values():
        return "text2img"
    if kind in auto.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING.values():
        return "img2img"
    takes = inspect.signature(kind.__call__).parameters
    return "inpaint" if "mask_image" in takes else "img2img" if "image" in takes else "text2img"


def sibling(pipeline: Any, task: Task, scheduler: Any) -> Any:
    """The pipeline of the same components for another task, with a scheduler of its own.

    Raises ``ValueError`` where the family has none.
    """
    if any(type(pipeline).__name__ in family.values() for family in FAMILIES):
        kind = class_for(type(pipeline).__name__, task)
        taken = inspect.signature(kind).parameters
        given = {**pipeline.config, **pipeline.components, "scheduler": scheduler}
        return kind(**{name: value for name, value in given.items() if name in taken})
    auto = _auto()
    every = {
        "text2img": auto.AutoPipelineForText2Image,
        "img2img": auto.AutoPipelineForImage2Image,
        "inpaint": auto.AutoPipelineForInpainting,
    }
    return every[task].from_pipe(pipeline, scheduler=scheduler)


def _auto() -> Any:
    from diffusers.pipelines import auto_pipeline

    return auto_pipeline
