"""Which pipeline does which task: what diffusers says, without importing all that it says it of."""

import pytest
from diffusers.pipelines import auto_pipeline as auto

from igo.painting import tasks

LISTED = {
    "text2img": auto.AUTO_TEXT2IMAGE_PIPELINES_MAPPING,
    "img2img": auto.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING,
    "inpaint": auto.AUTO_INPAINT_PIPELINES_MAPPING,
}


@pytest.mark.parametrize("family", tasks.FAMILIES, ids=lambda family: family["text2img"])
def test_the_table_says_what_diffusers_does(family):
    for kind in family.values():
        for task, known in LISTED.items():
            listed = auto._get_task_class(known, kind)
            assert tasks.class_for(kind, task) is listed
            assert tasks.task_of(listed) == task


def test_of_other_families_diffusers_is_asked():
    assert tasks.class_for("FluxPipeline", "inpaint").__name__ == "FluxInpaintPipeline"
    assert tasks.task_of(tasks.class_for("FluxPipeline", "img2img")) == "img2img"
    assert tasks.class_for("SanaPipeline", "inpaint") is None
