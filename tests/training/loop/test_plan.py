"""The number of steps of a run."""

import pytest

from igo.errors import SettingsError
from igo.training.loop.loop import LoopSettings
from igo.training.loop.plan import planned

SETTINGS = LoopSettings(steps=1, batch_size=2, warmup=200)


def test_a_plan_is_made_once(line_task, tmp_path):
    task = line_task()
    before = task.module.layer.weight.item()
    first = planned(tmp_path / "new", 1, task, SETTINGS)
    assert first.steps > 1
    assert 1 <= first.warmup <= max(1, first.steps // 20)
    assert planned(tmp_path / "new", 99, task, SETTINGS) == first
    assert task.module.layer.weight.item() == before


@pytest.mark.parametrize("minutes", [0, -1, float("nan")])
def test_no_time_is_refused(line_task, tmp_path, minutes):
    with pytest.raises(SettingsError, match="above 0"):
        planned(tmp_path, minutes, line_task(), SETTINGS)
