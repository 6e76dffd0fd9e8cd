import pytest

from igo.errors import SettingsError
from igo.runtime import Runtime


def test_models_are_loaded_once_for_all_views():
    runtime, loads = Runtime(), []
    for step in ("a", "b"):
        assert runtime.bound(step).model("key", lambda: loads.append(1) or object()) is runtime.model("key", object)
    assert loads == [1]
    runtime.release()
    assert runtime.model("key", lambda: "new") == "new"


def test_seeds_depend_on_root_step_and_purpose_alone():
    runtime = Runtime()
    a, b = runtime.bound("a"), runtime.bound("b")
    seeds = {a.seed(1), a.seed(2), b.seed(1), a.seed(1, "x"), a.seed(1, "x", 2), a.seed(1, "x2")}
    assert len(seeds) == 6
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert a.seed(1, "x") == Runtime("cpu", "float32").bound("a").seed(1, "x")


def test_generators_are_independent_of_what_others_drew():
    import torch

    runtime = Runtime().bound("a")
    first = torch.rand(3, generator=runtime.generator(7))
    torch.rand(100, generator=runtime.generator(7, "other"))
    assert torch.equal(torch.rand(3, generator=runtime.generator(7)), first)
    assert not torch.equal(torch.rand(3, generator=runtime.generator(7, "other")), first)


def test_device_and_dtype_are_sensible_and_can_be_named():
    import torch

    auto = Runtime()
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert (auto.device.type, auto.dtype) == ("cpu", torch.float32)
    assert Runtime("cpu", "bfloat16").dtype == torch.bfloat16
    assert Runtime("cpu").describe() == {"runtime": {"device": "cpu"}}
    assert auto.describe() == {}


@pytest.mark.parametrize("device", ["cuda:99", "mtia", "xpu:7"])
def test_a_device_that_is_not_there_is_one_line(device):
    with pytest.raises(SettingsError, match=rf"^device '{device}' can't be used here \(.*\); try 'auto' or 'cpu'$"):
        _ = Runtime(device).device


def test_a_device_is_text():
    with pytest.raises(SettingsError, match="device is 5; expected auto, cpu"):
        Runtime(5)


@pytest.mark.parametrize("device", ["", "gpu", "tpu", "cuda:", "cuda:x", "cuda:-1", "CPU", ":0"])
def test_what_can_be_no_device_is_told_at_once(device):
    with pytest.raises(SettingsError, match=f"device is '{device}'; expected auto, cpu"):
        Runtime(device)


def test_a_package_may_add_a_kind_of_device(monkeypatch):
    monkeypatch.setattr("igo.runtime.entry_points", lambda group: [group])
    with pytest.raises(SettingsError, match="can't be used here"):
        _ = Runtime("abacus:0").device


def test_a_view_keeps_nothing_of_another_chain():
    view = Runtime().bound("a", prepare=lambda pipeline: "prepared", prepare_key="key")
    assert view.pipeline("p", lambda prepare: prepare("plain")) == "prepared"
    assert view.bound("").pipeline("p", lambda prepare: prepare("plain")) == "plain"


def test_a_dtype_that_does_not_exist_is_refused():
    with pytest.raises(SettingsError, match="dtype is 'float8'; did you mean 'float"):
        Runtime(dtype="float8")


@pytest.mark.gpu
def test_half_precision_on_cuda():
    import torch

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    assert Runtime("cuda").dtype == torch.float16
