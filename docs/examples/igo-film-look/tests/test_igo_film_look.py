"""FilmLook: what IGO wants of every plugin, and what this one does."""

from __future__ import annotations

from pathlib import Path

import igo
import numpy as np
import pytest
from igo.errors import SettingsError
from igo.testing import DrawnFigure, PaintedBase, assert_color, assert_images_equal, check_plugin, draw_figure, ssim
from PIL import Image

from igo_film_look import FilmLook

PLAIN = FilmLook("none", halation=0, grain=0)


def developed(image: Image.Image, plugin: FilmLook, seed: int = 1) -> Image.Image:
    return igo.Chain(plugin).run(image=image, seed=seed).image


@pytest.mark.parametrize("plugin", [FilmLook(), FilmLook("noir", grain=1, halation=1, grain_size=0.02)])
def test_it_keeps_the_rules(plugin: FilmLook) -> None:
    check_plugin(plugin)


def test_with_everything_off_nothing_changes(drawn_figure: DrawnFigure) -> None:
    assert_images_equal(developed(drawn_figure.image, PLAIN), drawn_figure.image)


def test_grain_is_the_seeds_and_another_one_for_each_picture(drawn_figure: DrawnFigure) -> None:
    film = FilmLook("none", halation=0, grain=0.5)
    first = developed(drawn_figure.image, film, seed=1)
    assert_images_equal(developed(drawn_figure.image, film, seed=1), first)
    assert ssim(developed(drawn_figure.image, film, seed=2), first) < 0.9
    batch = igo.Chain(film).run(image=drawn_figure.image, seed=0, num_images=2)
    assert_images_equal(batch.images[1], first)


@pytest.mark.parametrize("height", [96, 384])
def test_grain_is_as_strong_at_every_size_strongest_in_the_middle_and_none_at_the_ends(height: int) -> None:
    film = FilmLook("none", halation=0, grain=0.5, grain_size=0.01)
    tones = Image.new("RGB", (300, height))
    tones.paste((118, 118, 118), (100, 0, 200, height))
    tones.paste("white", (200, 0, 300, height))
    pixels = np.asarray(developed(tones, film)).astype(float)
    black, middle, white = (pixels[:, left : left + 100] for left in (0, 100, 200))
    assert (black.max(), white.min()) == (0, 255)
    assert middle.std() == pytest.approx(12.2, abs=1.5)
    assert middle.mean() == pytest.approx(118, abs=2)


def test_light_spreads_from_highlights_most_of_it_red_and_nowhere_else() -> None:
    dark = Image.new("RGB", (120, 120), (20, 20, 20))
    dark.paste("white", (50, 50, 70, 70))
    reached = Image.new("L", dark.size)
    reached.paste(255, (25, 25, 95, 95))
    glowing = developed(dark, FilmLook("none", grain=0, halation=1, halation_radius=0.05))
    assert_images_equal(glowing, dark, outside=reached)
    red, green, blue = (int(channel) for channel in np.asarray(glowing)[60, 46])
    assert red > green + 40 > blue + 60
    assert np.asarray(glowing)[60, 60].tolist() == [255, 255, 255]


def test_noir_has_no_colour_and_strength_mixes_it_in() -> None:
    figure = draw_figure(top="hoodie", top_color="red", top_pattern="plain")
    gray = developed(figure.image, FilmLook("noir", halation=0, grain=0))
    assert_images_equal(gray, gray.convert("L").convert("RGB"))
    half = developed(figure.image, FilmLook("noir", lut_strength=0.5, halation=0, grain=0))
    assert_images_equal(half, Image.blend(figure.image, gray, 0.5))
    assert_color(developed(figure.image, FilmLook(grain=0)), "red", figure.mask("top"))


def cube(path: Path, size: int, change: str = "") -> Path:
    """A LUT that changes nothing, with a line more."""
    steps = [index / (size - 1) for index in range(size)]
    rows = [f"{red:.6f} {green:.6f} {blue:.6f}" for blue in steps for green in steps for red in steps]
    head = ['TITLE "nothing"', "# by hand", "", f"LUT_3D_SIZE {size}", "DOMAIN_MIN 0 0 0", "DOMAIN_MAX 1.0 1.0 1.0"]
    path.write_text("\n".join([*head, *([change] if change else []), *rows]) + "\n")
    return path


def test_cube_files_are_read_and_their_digest_is_on_record(tmp_path: Path, drawn_figure: DrawnFigure) -> None:
    path = cube(tmp_path / "nothing.cube", 9)
    look = igo.Chain(FilmLook(str(path), halation=0, grain=0)).run(image=drawn_figure.image, seed=1)
    difference = np.asarray(look.image).astype(int) - np.asarray(drawn_figure.image)
    assert abs(difference).max() <= 1
    report = look[0].history[-1].report
    assert report["lut"] == str(path)
    assert len(report["lut_sha256"]) == 64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("0 0 0", "has 28 colours and LUT_3D_SIZE 3; expected size³"),
        ("0 0", "no.cube:7: '0 0' can't be used; expected a 3D LUT"),
        ("LUT_1D_SIZE 3", "no.cube:7: 'LUT_1D_SIZE 3' can't be used"),
        ("DOMAIN_MAX 2 2 2", "no.cube:7: 'DOMAIN_MAX 2 2 2' can't be used; expected"),
        ("LUT_3D_SIZE 99", "has 27 colours and LUT_3D_SIZE 99; expected size³"),
    ],
)
def test_a_file_that_is_no_lut_is_refused_with_the_line(change: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=message):
        FilmLook(str(cube(tmp_path / "no.cube", 3, change)))
    with pytest.raises(SettingsError, match=r"gone.cube can't be read \(No such file or directory\)"):
        FilmLook(str(tmp_path / "gone.cube"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"grain": 2}, "grain is 2; expected a number from 0 to 1"),
        ({"halation_radius": 0}, "halation_radius is 0; expected a number above 0, up to 0.1"),
        ({"lut": "warn"}, "there is no LUT 'warn'; did you mean 'warm'"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        FilmLook(**settings)  # type: ignore[arg-type]


def test_masks_stay_where_they_are(drawn_figure: DrawnFigure) -> None:
    frame = igo.Frame(drawn_figure.image, seed=1, layers={"zone": drawn_figure.mask("top")})
    assert FilmLook().postprocess(frame, igo.Runtime("cpu")).layers["zone"] == frame.layers["zone"]


def test_chain_files_know_it_by_name(tmp_path: Path) -> None:
    text = igo.Chain(PaintedBase(), FilmLook("noir", grain=0.5)).to_toml()
    assert 'use = "film-look"' in text
    (tmp_path / "chain.toml").write_text(text)
    plugin = igo.load_chain(tmp_path / "chain.toml").steps[1].plugin
    assert plugin == FilmLook("noir", grain=0.5)
