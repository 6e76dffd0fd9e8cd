"""Batches that are uploaded: tables and zips, what is refused of them, rows in their turn, results in a zip."""

import json
import zipfile
from io import BytesIO

import pytest
from PIL import Image

import igo
from igo.errors import PlanError
from igo.page import batches
from igo.page.painting import Painter
from igo.testing import PaintedBase


def picture(color="navy"):
    buffer = BytesIO()
    Image.new("RGB", (16, 24), color).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def zipped(tmp_path):
    def make(files):
        path = tmp_path / "batch.zip"
        with zipfile.ZipFile(path, "w") as made:
            for name, data in files.items():
                made.writestr(name, data)
        return path

    return make


def unpacked(path, tmp_path, prompt="a coat"):
    return batches.unpacked(path, tmp_path / "batches", prompt, igo.Chain(PaintedBase()))


def test_a_zip_of_pictures_is_painted_and_packed(zipped, tmp_path):
    made = unpacked(zipped({"a/one.png": picture(), "two.png": picture("red"), "notes.txt": "no picture"}), tmp_path)
    *_, last = made.follow(Painter())
    assert (last.done, last.total, last.failed, last.left) == (2, 2, 0, 0)
    with zipfile.ZipFile(made.packed()) as packed:
        names = sorted(packed.namelist())
        lines = [json.loads(line) for line in packed.read("results.jsonl").splitlines()]
    assert len([name for name in names if name.endswith(".png")]) == 2
    assert {line["id"] for line in lines if line.get("status") == "done"} == {"one", "two"}


def test_a_table_beside_pictures_and_one_alone(zipped, tmp_path):
    table = "id,prompt,image\nx,a coat,pictures/one.png\ny,a hat,\n"
    made = unpacked(zipped({"plan.csv": table, "pictures/one.png": picture()}), tmp_path)
    assert [row.id for row in made.plan] == ["x", "y"]
    (tmp_path / "plan.csv").write_text("prompt,seed\na coat,3\n")
    made = unpacked(tmp_path / "plan.csv", tmp_path)
    *_, last = made.follow(Painter())
    assert (last.done, last.failed) == (1, 0)


def test_who_wants_no_more_keeps_what_is_done(tmp_path):
    (tmp_path / "plan.csv").write_text("prompt\n" + "".join(f"coat {number}\n" for number in range(50)))
    made = unpacked(tmp_path / "plan.csv", tmp_path)
    for news in made.follow(Painter()):
        if news.done:
            made.ended.set()
    assert 1 <= news.done < 50
    with zipfile.ZipFile(made.packed()) as packed:
        assert len([name for name in packed.namelist() if name.endswith(".png")]) == news.done


@pytest.mark.parametrize(
    "name", ["../out.png", "/etc/out.png", "a/../../out.png", "..\\out.png", "C:\\out.png", "a\nb.png"]
)
def test_names_that_lead_elsewhere_are_refused(name, zipped, tmp_path):
    with pytest.raises(PlanError, match=r"^the zip has a file called .* expected names of files within it"):
        unpacked(zipped({name: picture()}), tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith("out")]
    assert not list((tmp_path / "batches").iterdir()), "nothing is left of it"


def test_links_bombs_and_what_is_no_zip_are_refused(zipped, tmp_path, monkeypatch):
    assert batches.MOST_BYTES == 500 * 2**20
    monkeypatch.setattr(batches, "MOST_BYTES", 5 * 2**20)
    link = zipfile.ZipInfo("one.png")
    link.external_attr = 0o120777 << 16
    with pytest.raises(PlanError, match="has a link"):
        unpacked(zipped({link: "/etc/passwd"}), tmp_path)
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as made, made.open("one.png", "w") as file:
        for _ in range(6):
            file.write(bytes(2**20))
    with pytest.raises(PlanError, match="holds 6 MB; expected at most 5 MB"):
        unpacked(bomb, tmp_path)
    with pytest.raises(PlanError, match="expected at most 2,000"):
        unpacked(zipped({f"{number}.png": "" for number in range(2001)}), tmp_path)
    for name, data in {"a.zip": b"no zip", "me.png": picture(), "none": b""}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(PlanError, match="is no batch; expected a "):
            unpacked(tmp_path / name, tmp_path)
    with pytest.raises(PlanError, match="several tables"):
        unpacked(zipped({"a.csv": "prompt\na\n", "b.csv": "prompt\na\n"}), tmp_path)
    damaged = zipped({"one.png": picture()})
    data = bytearray(damaged.read_bytes())
    data[40:60] = bytes(20)
    damaged.write_bytes(data)
    with pytest.raises(PlanError, match="can't be read"):
        unpacked(damaged, tmp_path)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("image\n/etc/hostname\n", "was not uploaded"),
        ("image\n../../plan.csv\n", "was not uploaded"),
        ("prompt,chain\na,chain.toml\n", "the page paints by the chain that it shows"),
    ],
)
def test_tables_that_reach_beyond_what_was_uploaded_are_refused(table, told, zipped, tmp_path):
    (tmp_path / "batches").mkdir()
    (tmp_path / "batches" / "plan.csv").write_text("")
    with pytest.raises(PlanError, match=told):
        unpacked(zipped({"plan.csv": table, "chain.toml": ""}), tmp_path)
