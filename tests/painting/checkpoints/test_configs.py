"""IGO's own configurations for single files: the published checkpoints' numbers, and CLIP's tokens."""

import json

import pytest

from igo.painting.checkpoints.configs import KINDS, configuration

UNETS = {"v1": 859_520_964, "inpainting": 859_535_364, "v2": 865_910_724, "inpainting_v2": 865_925_124}
UNETS |= {"xl_base": 2_567_463_684, "xl_inpaint": 2_567_478_084}
"""Parameters of the published UNets; 9 channels have 5 × 9 × 320 more."""
TEXT_ENCODERS = {768: 123_060_480, 1024: 340_387_840, 1280: 694_659_840}
VAE = 83_653_863


@pytest.mark.parametrize("kind", KINDS)
def test_the_models_have_the_published_number_of_weights(kind):
    import diffusers
    import torch
    import transformers

    def parameters(name, library, family):
        settings = json.loads((folder / name / "config.json").read_text())
        with torch.device("meta"):
            if library == "diffusers":
                model = getattr(diffusers, family).from_config(settings)
            else:
                model = getattr(transformers, family)(transformers.CLIPTextConfig(**settings))
        return settings, sum(parameter.numel() for parameter in model.parameters())

    with configuration(kind) as folder:
        index = json.loads((folder / "model_index.json").read_text())
        assert parameters("unet", *index["unet"])[1] == UNETS[kind]
        assert parameters("vae", *index["vae"])[1] == VAE
        for name in (name for name in index if name.startswith("text_encoder")):
            settings, number = parameters(name, *index[name])
            assert number == TEXT_ENCODERS[settings["hidden_size"]]
    assert not folder.exists()


def test_the_vocabulary_is_clips():
    from transformers import CLIPTokenizer

    with configuration("xl_base") as folder:
        first, second = (CLIPTokenizer.from_pretrained(folder / name) for name in ("tokenizer", "tokenizer_2"))
    assert len(first) == 49_408
    assert first("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert first("A  PHOTO of\na cat").input_ids == first("a photo of a cat").input_ids
    assert (first.pad_token_id, second.pad_token_id) == (49407, 0)
