"""Tables in: every kind says the same, and what is wrong is told by row and column before any work."""

import json
import math
import os
import sys
from decimal import Decimal

import pytest
from PIL import Image

from igo.batch import plan_of, read_plan
from igo.batch.batch import Batch
from igo.errors import PlanError

ROW = {"id": "a", "prompt": 'a "red" coat', "image": "photo.png", "seed": 3, "strength": 0.5}
COLUMNS = "id,prompt,image,seed,strength,references.garment"
CELLS = 'a,"a ""red"" coat",photo.png,3,0.5,photo.png'
TEXTS = {
    "plan.csv": f"{COLUMNS}\n{CELLS}\n",
    "excel.csv": f"\ufeff{COLUMNS},\r\n{CELLS},\r\n\r\n".replace(",", ";"),
    "pandas.csv": f"{COLUMNS}\n{CELLS.replace(',3,', ',3.0,')}\n",  # which has no whole numbers where some are missing
    "plan.tsv": f"{COLUMNS}\n{CELLS}\n".replace(",", "\t"),
    "plan.jsonl": '{"id": "a", "prompt": "a \\"red\\" coat", "image": "photo.png", "seed": 3, "strength": 0.5, '
    '"references": {"garment": "photo.png"}, "width": null}\n\n',
    "plan.toml": '[[row]]\nid = "a"\nprompt = \'a "red" coat\'\nimage = "photo.png"\nseed = 3\nstrength = 0.5\n'
    'references.garment = "photo.png"\n',
}


@pytest.mark.parametrize("name", [*TEXTS, "plan.parquet"])
def test_all_kinds_of_tables_say_the_same(tmp_path, photo, name):
    if name == "plan.parquet":
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        rows = [{**ROW, "references.garment": "photo.png", "seed": 3.0, "width": math.nan}]  # as pandas writes numbers
        rows[0]["strength"] = Decimal("0.5")  # and databases
        parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / name)
    else:
        (tmp_path / name).write_text(TEXTS[name], "utf-8", newline="")
    [row] = read_plan(tmp_path / name)
    assert (row.id, row.number, row.chain, row.changes) == ("a", 1, None, {})
    assert row.settings == {"prompt": 'a "red" coat', "seed": 3, "strength": 0.5}
    assert row.pictures == {"image": str(photo), "references.garment": str(photo)}
    assert type(row.settings["seed"]) is int


def test_a_row_without_an_id_has_a_digest_of_what_it_asks_for():
    first, second = read_plan([{"prompt": "a"}, {"prompt": "b"}])
    assert len(first.id) == 12
    assert second.id == read_plan([{"prompt": "b"}])[0].id != first.id
    assert read_plan([{"id": 17.0, "prompt": "a"}])[0].id == "17"


def test_a_row_is_the_same_wherever_its_plan_lies(tmp_path, photo):
    rows = {}
    for place, name in (("here", "plan.csv"), ("there", "plan.jsonl"), ("there", "more.jsonl")):
        (tmp_path / place).mkdir(exist_ok=True)
        (tmp_path / place / "photo.png").write_bytes(photo.read_bytes())
        plan = tmp_path / place / name
        cells = {"image": "photo.png" if place == "here" else "./photo.png", "mask": "photo.png", "seed": 3}
        text = ",".join(cells) + "\n" + ",".join(map(str, cells.values()))
        plan.write_text(text if plan.suffix == ".csv" else json.dumps(cells | {"width": None}))
        [rows[place, name]] = read_plan(plan)
    assert len({row.id for row in rows.values()}) == 1
    assert rows["here", "plan.csv"].pictures["image"] == str(tmp_path / "here" / "photo.png")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"seed": "x"}, "column 'seed': is 'x'; expected a whole number from 0"),
        ({"seed": 1.5}, "column 'seed': is 1.5; expected a whole number"),
        ({"seed": True}, "column 'seed': is True; expected"),
        ({"width": "0"}, "column 'width': is 0; expected a whole number of at least 1"),
        ({"strength": "nan"}, "column 'strength': is nan; expected a number from 0 to 1"),
        ({"strength": [1]}, "column 'strength': is"),
        ({"prompt": 3}, "column 'prompt': is int; expected text"),
        ({"promt": "a"}, "column 'promt': there is no such column; did you mean 'prompt'?"),
        ({"references": "a.png"}, "column 'references': there is no such column; did you mean 'references.NAME'?"),
        ({"layers.": "a.png"}, "column 'layers.': there is no such column; "),
        ({"prompt": ["a"]}, "column 'prompt': is list; expected text"),
        ({"seed": "3.5"}, "column 'seed': is '3.5'; expected a whole number"),
        ({"mask": "a.png", "layers": {"mask": "b.png"}}, "column 'layers.mask': is given twice"),
        ({"image": "nowhere.png"}, "column 'image': 'nowhere.png' can't be read (No such file or directory)"),
        ({"image": "."}, "column 'image': '.' can't be read (it is a folder)"),
        ({"image": 3}, "column 'image': is 3; expected a picture's file"),
        ({"image": "a\0b"}, "column 'image': 'a\\x00b' can't be read"),
        ({"mask": "mask.png"}, "column 'mask': "),
        ({"id": "../a"}, "column 'id': is '../a'; expected 1 to 100 characters"),
        ({"id": "x" * 101}, "column 'id': is 'xxx"),
        ({"id": "a\nb"}, "column 'id': is"),
        ({"chain": "nowhere.toml"}, "column 'chain': 'nowhere.toml' can't be read"),
    ],
)
def test_what_is_wrong_is_told_by_row_and_column(tmp_path, monkeypatch, row, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PlanError) as caught:
        read_plan([{"id": "fine", "prompt": "a"}, row])
    assert caught.value.problems[0].startswith(f"plan, row 2, {told}")


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(PlanError, match=r"row 1, column 'seed'.*\(and 2 others\)") as caught:
        read_plan([{"seed": -1}, {"prompt": "a"}, {"prompt": "a", "width": "wide"}, {"prompt": "a"}])
    assert len(caught.value.problems) == 3
    assert "asks for the same as row 2" in caught.value.problems[2]
    with pytest.raises(PlanError, match="99 others"):
        read_plan({"seed": -1} for _ in range(1000))
    for name, same in (("a", "A"), ("\u00e9", "e\u0301")):
        with pytest.raises(PlanError, match=f"is '{same}', as is that of row 1"):
            read_plan([{"id": name}, {"id": same}])


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("plan.csv", "", "has no rows"),
        ("plan.csv", "id,prompt\n", "has no rows"),
        ("plan.csv", "id,id\na,b\n", "2 columns are called 'id'"),
        ("plan.csv", "id,,prompt\na,b,c\n", "a column has no name"),
        ("plan.csv", "id,prompt\na,red, coat\n", "row 1: 3 cells below 2 columns"),
        ("plan.csv", 'id,prompt\na,"red\n', "line 2"),
        ("plan.jsonl", '{"id": 1}\n[1]\n', "line 2: a list; expected a JSON object"),
        ("plan.jsonl", '{"id": 1\n', "line 1: "),
        ("plan.jsonl", '{"id": 1, "prompt": "a", "id": 2}\n', "line 1: 'id' is in it twice"),
        ("plan.jsonl", "[" * 100_000, "line 1: "),
        ("plan.toml", "row = 3\n", "expected a [[row]] for each row"),
        ("plan.toml", "[[rows]]\n", "has 'rows' in it"),
        ("plan.toml", "[[row]\n", "expected a plan"),
        ("plan.parquet", "PAR1", "can't be read"),
        ("plan.xlsx", "", "has the suffix '.xlsx'; expected a plan: .csv"),
        ("plan", "", "has no suffix"),
        ("plan.csv", "id,prompt\na,\xe9\n", "is not text in UTF-8"),
    ],
)
def test_tables_that_are_none(tmp_path, name, text, told):
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(PlanError) as caught:
        read_plan(tmp_path / name)
    assert told in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(PlanError, match=r"pip install 'igo\[parquet\]'"):
        read_plan(tmp_path / "plan.parquet")


def test_what_the_chain_lacks_is_told_before_any_work(tmp_path, chain, photo, written):
    asking = tmp_path / "asking.toml"
    asking.write_text(chain.read_text() + '[[step]]\nuse = "virtual-styling"\ntarget = "coat"\nto = "a red coat"\n')
    rows = [
        {"prompt": "a", "virtual-styling.to": "a blue coat"},
        {"prompt": "a", "virtual-stylin.to": "a blue coat"},
        {"prompt": "a", "virtual-styling.too": "a"},
        {"prompt": "a", "virtual-styling.margin": "wide"},
        {"prompt": "a", "virtual-styling.margin": "2"},
        {"prompt": "a", "virtual-styling.margin": "0.2"},
    ]
    with pytest.raises(PlanError) as caught:
        Batch(rows, asking, tmp_path / "looks")
    told = "\n".join(caught.value.problems)
    assert "row 2, column 'virtual-stylin.to': the chain has no step 'virtual-stylin'; did you mean" in told
    assert "row 3, column 'virtual-styling.too': virtual-styling has no setting 'too'; did you mean 'to'?" in told
    assert "row 4, column 'virtual-styling.margin': margin is 'wide'; expected a valid number" in told
    assert "row 5, column 'virtual-styling.margin': margin is 2.0; expected a number from 0 to 1" in told
    assert len(caught.value.problems) == 4
    with pytest.raises(PlanError, match="row 1, column 'chain': is empty, and the batch has no chain"):
        Batch([{"prompt": "a"}], None, tmp_path / "looks")
    worn = tmp_path / "worn.toml"
    worn.write_text(chain.read_text() + '[[step]]\nuse = "try-on"\n')
    with pytest.raises(PlanError, match=r"row 1, column 'chain': .*needs a reference 'garment'"):
        Batch([{"image": str(photo)}], worn, tmp_path / "looks")
    bare = tmp_path / "bare.toml"
    bare.write_text('[[step]]\nuse = "upscaling"\n')
    with pytest.raises(PlanError, match="row 2, column 'image': is empty, and no step of the chain makes pictures"):
        Batch([{"image": str(photo)}, {"prompt": "a"}], bare, tmp_path / "looks")
    assert not (tmp_path / "looks").exists()


def test_a_folder_makes_a_plan(tmp_path):
    folder = tmp_path / "photos"
    for name in ("b.JPG", "a.png", "a.jpg", "inner/a.png", ".hidden/c.png", ".d.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / name)
    (folder / "notes.txt").write_text("none")
    (tmp_path / "plan.csv").write_text(plan_of(folder, tmp_path, {"prompt": "a red, coat", "seed": 3}))
    plan = read_plan(tmp_path / "plan.csv")
    assert [(row.id, os.path.relpath(row.pictures["image"], folder)) for row in plan] == [
        ("a", "a.jpg"),
        ("a-png", "a.png"),
        ("b", "b.JPG"),
        ("inner-a", "inner/a.png"),
    ]
    assert all(row.settings == {"prompt": "a red, coat", "seed": 3} for row in plan)
    with pytest.raises(PlanError, match="is not a folder"):
        plan_of(tmp_path / "plan.csv", tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(PlanError, match="has no pictures in it"):
        plan_of(empty, tmp_path)
