"""Models of a few thousand parameters, and a task that needs none of them."""

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from igo.mini.tokenizer import build_tokenizer
from igo.training.loop.task import Batch, Task


class Line(nn.Module):
    """y = a x + b, learned from noisy points."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        nn.init.zeros_(self.layer.weight)
        nn.init.zeros_(self.layer.bias)

    def forward(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        loss = (self.layer(x) - y).square().mean()
        return {"loss": loss, "root": loss.sqrt()}


class LineTask(Task):
    name = "line"

    def __init__(self) -> None:
        self.module = Line()

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        x = torch.randn(size, 1, generator=generator)
        return {"x": x, "y": 2 * x - 1 + 0.1 * torch.randn(size, 1, generator=generator)}

    def measures(self) -> dict[str, float]:
        return {"slope": float(self.module.layer.weight)}


@pytest.fixture
def line_task():
    """A function that makes a fresh task each time, as a new process would."""
    return LineTask


@pytest.fixture(scope="session")
def tokenizer():
    return build_tokenizer(["a red dress", "a blue coat, street background"])


@pytest.fixture
def pipeline(tokenizer):
    """A Stable Diffusion pipeline with an autoencoder of factor 4, random weights."""
    torch.manual_seed(0)
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        projection_dim=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(8, 8, 8),
        norm_num_groups=4,
        latent_channels=4,
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            prediction_type="v_prediction",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


@pytest.fixture(scope="session")
def pictures():
    """Eight 32×48 pictures of plain rectangles on plain grounds."""
    generator = torch.Generator().manual_seed(0)
    colours = torch.randint(256, (8, 2, 3), generator=generator, dtype=torch.uint8)
    canvas = colours[:, 0, None, None].repeat(1, 48, 32, 1)
    canvas[:, 12:36, 8:24] = colours[:, 1, None, None]
    return canvas
