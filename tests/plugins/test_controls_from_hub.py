"""What steps that control a base fetch of a hub's repository: what they load, and nothing beside."""

import pytest
from diffusers import ControlNetModel, StableDiffusionPipeline

import igo
from igo.errors import CheckpointError
from igo_plugins.controls import families, nets, references, seeing
from tests.builders import hub as hubs
from tests.builders.controls import make_controlnet
from tests.builders.ip_adapters import save_image_encoder, save_ip_adapter
from tests.builders.seeing import save_depth

NET, ADAPTERS, DEPTH = "own/control_canny", "own/IP-Adapter", "own/depth-hf"


@pytest.fixture
def served(tiny_checkpoint, tmp_path, monkeypatch):
    """A hub with repositories that hold more than one wants, as published ones do."""
    root, unet = tmp_path / "repositories", StableDiffusionPipeline.from_pretrained(tiny_checkpoint).unet
    net = make_controlnet(unet)
    for options in ({}, {"safe_serialization": False}, {"variant": "fp16"}):
        net.save_pretrained(root / NET, **options)
    (root / NET / "images").mkdir()
    (root / NET / "images" / "bird.png").write_bytes(b"a picture")
    for name, kind in (("ip-adapter_sd15", "plain"), ("ip-adapter-plus_sd15", "plus")):
        save_ip_adapter(root / ADAPTERS / "models" / f"{name}.safetensors", unet, kind)
        save_ip_adapter(root / ADAPTERS / "models" / f"{name}.bin", unet, kind)
    save_image_encoder(root / ADAPTERS / "models" / "image_encoder")
    save_depth(root / DEPTH)
    with hubs.Hub(root).serving() as hub:
        hubs.use(monkeypatch, hub.endpoint, tmp_path / "cache")
        yield hub


def test_a_controlnets_weights_are_fetched_once(served):
    runtime = igo.Runtime("cpu")
    place, identity = nets.find(NET, None, runtime)
    assert identity == f"revision:{served.commit(NET)}"
    assert set(served.fetched) == {f"{NET}/config.json", f"{NET}/diffusion_pytorch_model.safetensors"}
    assert nets.find(NET, None, runtime)[0] == place
    assert len(served.fetched) == 2


def test_of_many_ip_adapters_one_is_fetched_with_its_image_encoder(served):
    files = references.find(
        ADAPTERS, "models", "ip-adapter-plus_sd15.safetensors", "image_encoder", None, igo.Runtime("cpu")
    )
    assert files.identity == f"revision:{served.commit(ADAPTERS)}"
    wanted = ("ip-adapter-plus_sd15.safetensors", "image_encoder/config.json", "image_encoder/model.safetensors")
    assert set(served.fetched) == {f"{ADAPTERS}/models/{name}" for name in wanted}
    with pytest.raises(CheckpointError, match="own/IP-Adapter/models has several files; say which in weight_name"):
        references.find(ADAPTERS, "models", None, "image_encoder", None, igo.Runtime("cpu"))
    with pytest.raises(CheckpointError, match="own/IP-Adapter has no IP-Adapter in it"):
        references.find(ADAPTERS, "", None, "image_encoder", None, igo.Runtime("cpu"))


def test_a_model_that_looks_at_pictures_is_named_by_its_commit(served):
    runtime = igo.Runtime("cpu").bound("depth")
    found = seeing.load("DepthAnythingForDepthEstimation", ("depth_anything",), DEPTH, None, "it", "name it", runtime)
    assert found.identity == f"revision:{served.commit(DEPTH)}"
    with pytest.raises(CheckpointError, match="has no revision 'v2' on the hub"):
        seeing.load("DepthAnythingForDepthEstimation", ("depth_anything",), DEPTH, "v2", "it", "name it", runtime)


def test_a_controlnet_of_half_precision_alone_is_loaded(tiny_checkpoint, tmp_path):
    pipeline = StableDiffusionPipeline.from_pretrained(tiny_checkpoint)
    make_controlnet(pipeline.unet).half().save_pretrained(tmp_path / "half", variant="fp16")
    assert not (tmp_path / "half" / "diffusion_pytorch_model.safetensors").exists()
    nets.add(pipeline, tmp_path / "half", "half")
    assert isinstance(pipeline.controlnet, ControlNetModel)
    assert pipeline.controlnet.dtype == pipeline.unet.dtype


def test_families_without_a_unet_are_refused():
    class FluxPipeline:
        transformer = None

    with pytest.raises(
        CheckpointError, match=r"is for Stable Diffusion 1\.5, 2 or XL, and the checkpoint's FluxPipeline"
    ):
        families.unet_of(FluxPipeline(), "the ControlNet 'x'")
