"""Part ``upscaler``: the original scores best, Lanczos exactly itself, and blur is no sharpness."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from benchmarks import upscaling
from benchmarks.upscaling import Upscaler, block_shift, compare, edges_kept, evaluate_upscaling
from igo.errors import CheckpointError
from igo.networks.srvgg import SRVGGNetCompact
from igo.training.data.degradations import enlarge
from igo.training.tasks.upscaler import export_srvgg
from igo.wardrobe import draw, sample


@pytest.fixture
def original():
    return draw(sample(5), 128, 192).image


@pytest.fixture
def small_world(monkeypatch, tmp_path, original):
    """Small renders, and one photo where scikit-image would have them."""
    (tmp_path / "data").mkdir()
    Image.fromarray(original[:101, :91]).save(tmp_path / "data" / "photo.png")
    monkeypatch.setattr(upscaling, "SIZE", (64, 96))
    monkeypatch.setattr(upscaling, "PHOTOS", ("photo.png",))
    monkeypatch.setattr(upscaling, "find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py")))


def test_the_original_is_the_best_upscaling(original):
    small = np.asarray(Image.fromarray(original).resize((32, 48), Image.Resampling.BOX))
    best = compare(original, small, original, 4)
    assert best.gain > 30
    assert (best.edges, best.shift) == (1, 0)
    assert best.lanczos_edges < 0.9
    same = compare(enlarge(small, 4), small, original, 4)
    assert (same.gain, same.edges, same.shift) == (0, same.lanczos_edges, same.lanczos_shift)


def test_noise_is_no_sharpness(original):
    noise = np.random.default_rng(0).normal(0, 20, original.shape)
    blurred = cv2.GaussianBlur(original, (0, 0), 2).astype(float)
    noisy = np.clip(blurred + noise, 0, 255).astype(np.uint8)
    assert edges_kept(noisy, original) < 0.7
    assert np.abs(np.diff(noisy.astype(float))).mean() > np.abs(np.diff(original.astype(float))).mean()


def test_a_tint_is_a_shift_of_its_size(original):
    tinted = np.clip(original.astype(int), 0, 245).astype(np.uint8)
    assert block_shift(tinted + 10, tinted) == 10
    assert block_shift(tinted, tinted) == 0


def test_rows_tell_lanczos_from_better(small_world, silent, monkeypatch):
    found = evaluate_upscaling(lambda small, scale: enlarge(small, scale), [2, 4], silent, "lanczos", 2)
    rows = {row.measure: row for row in found.rows}
    assert rows["×4, degraded: gain"].result == 0
    assert rows["×4, degraded: gain"].verdict == "missed"
    assert rows["×4, degraded: edges kept"].verdict == "missed"
    assert rows["×4, photos: gain"].verdict == "floor"
    assert rows["×2, photos: worst gain"].result == 0
    assert len(found.samples) == 2 * (2 + 2)
    known = {}

    def remembered(picture, scale, rng, settings):
        small = picture[::scale, ::scale].copy()
        known[small.tobytes()] = picture
        return small

    monkeypatch.setattr(upscaling, "degrade", remembered)
    monkeypatch.setattr(upscaling, "PHOTOS", ())
    found = evaluate_upscaling(lambda small, scale: known[small.tobytes()], [4], silent, "perfect", 2)
    assert [row.verdict for row in found.rows] == ["aim", "floor", None]
    assert found.rows[1].result == 1
    assert found.rows[2].result == 0


def test_without_photos_the_rest_is_measured(small_world, silent, monkeypatch):
    monkeypatch.setattr(upscaling, "find_spec", lambda name: None)
    found = evaluate_upscaling(lambda small, scale: enlarge(small, scale), [4], silent, "lanczos", 1)
    assert len(found.rows) == 3
    assert "igo[benchmarks]" in found.settings["photos"]


def test_networks_are_run_as_they_are(tmp_path):
    export_srvgg(SRVGGNetCompact(2, features=4, convolutions=1), tmp_path / "x2.safetensors")
    upscaler = Upscaler(tmp_path)
    assert list(upscaler.networks) == [2]
    flat = np.full((5, 7, 3), 77, np.uint8)
    assert (upscaler(flat, 2)[2:-2, 2:-2] == 77).all()
    assert upscaler(flat, 2).shape == (10, 14, 3)


def test_folders_without_networks_are_one_line(tmp_path):
    with pytest.raises(CheckpointError, match=r"expected x2\.safetensors or x4\.safetensors"):
        Upscaler(tmp_path)
    save_file({}, tmp_path / "x4.safetensors")
    with pytest.raises(CheckpointError, match="holds neither an RRDBNet nor"):
        Upscaler(tmp_path)
