"""Findings as a table, as JSON and as sheets."""

import io
import json
import math

import pytest
from PIL import Image
from rich.console import Console

from benchmarks.findings import Findings, Row, Sample
from benchmarks.report import as_dict, sheet, table, write_json


@pytest.fixture
def found():
    rows = [
        Row("top colour", 0.9, 0.99, 0.1),
        Row("top type", 0.7, 0.97, 0.1),
        Row("VAE: PSNR", 31.25, unit="dB"),
        Row("bottom type", math.nan),
    ]
    shades = [Image.new("RGB", (16, 24), (10 * k, 0, 0)) for k in range(11)]
    samples = [Sample((shade, shade), f"shade {k}") for k, shade in enumerate(shades)]
    return Findings("base", {"checkpoint": "mini", "threads": 2}, rows, samples, columns=5, height=24)


def test_the_table_shows_results_goals_and_settings(found):
    console = Console(file=io.StringIO(), width=110)
    console.print(table([found]))
    lines = console.file.getvalue().splitlines()

    def words(measure):
        return next(line for line in lines if measure in line).replace("│", " ").split()

    assert words("top colour") == ["top", "colour", "0.900", "0.990", "0.100", "≥", "0.92", "≥", "0.97", "missed"]
    assert words("top type")[-1] == "floor"
    assert words("VAE: PSNR, dB") == ["VAE:", "PSNR,", "dB", "31.25", "≥", "29", "aim"]
    assert words("bottom type") == ["bottom", "type", "≥", "0.65", "≥", "0.9"]
    assert any("base: checkpoint mini, threads 2" in line for line in lines)


def test_json_holds_the_same(found, tmp_path):
    write_json([found], tmp_path / "new" / "figures.json")
    read = json.loads((tmp_path / "new" / "figures.json").read_text("utf-8"))
    assert read == as_dict([found])
    assert read["base"]["settings"] == {"checkpoint": "mini", "threads": 2}
    measures = read["base"]["measures"]
    assert measures["top type"] == {
        "result": 0.7,
        "ceiling": 0.97,
        "chance": 0.1,
        "unit": "",
        "floor": 0.6,
        "aim": 0.88,
        "met": "floor",
    }
    assert measures["bottom type"]["result"] is None
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["figures.json"]


def test_a_sheet_shows_samples_from_first_to_last(found):
    whole, few = sheet(found, 50), sheet(found, 2)
    assert whole.height > 2 * few.height
    reds = {red for _, (red, green, blue) in few.getcolors(100_000) if (green, blue) == (0, 0)}
    assert {0, 100} <= reds
    assert not reds & {10, 20, 50, 90}
