"""Chains as TOML: what is written is read back, and every mistake is named with its line."""

import io
import subprocess
import sys
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import igo
from igo.chains.config import line_of, load_chain, parse_chain, read_chain_file
from igo.chains.settings import settings_of
from igo.errors import ConfigError, SettingsError


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass(frozen=True)
class Film:
    """A plugin with a setting of each kind."""

    amount: float = 1.0
    """How much of it,
    from 0 to 1."""
    steps: int = 3
    name: str = "kodak"
    on: bool = True
    look: Literal["soft", "hard"] = "soft"
    size: tuple[int, int] = (1, 2)
    names: list[str] = field(default_factory=list)
    path: Path | None = None
    weights: dict[str, float] = field(default_factory=dict)
    grade: Size = Size.SMALL

    def __post_init__(self):
        if self.amount < 0:
            raise SettingsError(f"amount is {self.amount}; expected at least 0")

    @igo.hookimpl
    def observe(self, event): ...


@dataclass
class Needs:
    what: str

    @igo.hookimpl
    def observe(self, event): ...


class Plain:
    @igo.hookimpl
    def observe(self, event): ...


FILM, NEEDS, PLAIN = (f"{__name__}:{cls.__name__}" for cls in (Film, Needs, Plain))


def plugins(chain):
    return [step.plugin for step in chain.steps]


@given(
    amount=st.floats(0, 1e9, allow_nan=False),
    steps=st.integers(-(2**62), 2**62),
    name=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]))
    | st.just("a\n'''\"\"\"\t\\ [[step]]\nx = 1"),
    on=st.booleans(),
    size=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    names=st.lists(st.text("ab\"'\\\n#=[]"), max_size=3),
    weights=st.dictionaries(st.text("ab. ", min_size=1), st.floats(-9, 9), max_size=2),
)
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_back(**values):
    chain = igo.Chain(
        Film(**values), Needs("x"), Film(grade=Size.LARGE, path=Path("a/b")), runtime=igo.Runtime("cpu", "float32")
    )
    again = parse_chain(chain.to_toml()).chain
    assert plugins(again) == plugins(chain)
    assert again.runtime.describe() == chain.runtime.describe()


def test_a_chain_is_written_as_tables_with_names():
    text = igo.Chain(igo.TextToImage("mini", clip_skip=1), Film(path=Path("a.cube"))).to_toml()
    assert text == f'[[step]]\nuse = "text-to-image"\nclip_skip = 1\n\n[[step]]\nuse = "{FILM}"\npath = "a.cube"\n'
    assert plugins(parse_chain(text).chain)[1] == Film(path=Path("a.cube"))


def test_request_and_runtime_tables(tmp_path):
    path = tmp_path / "chain.toml"
    path.write_text(
        '[request]\nprompt = "a coat"\nguidance_scale = 7\nseed = 3\n[runtime]\ndevice = "cpu"\n'
        f'[[step]]\nuse = "{FILM}"\n'
    )
    found = read_chain_file(path)
    assert found.request == {"prompt": "a coat", "guidance_scale": 7.0, "seed": 3}
    assert found.chain.runtime.describe() == {"runtime": {"device": "cpu"}}
    assert plugins(load_chain(path)) == [Film()]


STEP = f'# a chain\n\n[[step]]\nuse = "{FILM}"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (STEP + "amuont = 1", "chain:5: .*:Film has no setting 'amuont'; did you mean 'amount'?"),
        (STEP + 'steps = "3"', "chain:5: steps is '3'; expected a valid integer"),
        (STEP + "steps = 3.5", "chain:5: steps is 3.5; expected a valid integer"),
        (STEP + "on = 1", "chain:5: on is 1; expected a valid boolean"),
        (STEP + "name = 1", "chain:5: name is 1; expected a valid string"),
        (STEP + 'look = "sfot"', "chain:5: look is 'sfot'; expected 'soft' or 'hard'"),
        (STEP + 'grade = "medium"', "chain:5: grade is 'medium'; expected 'small' or 'large'"),
        (STEP + "size = [1, 2, 3]", r"chain:5: size is \[1, 2, 3\]; "),
        (STEP + "\n\namount = -1.0", "chain:7: amount is -1.0; expected at least 0"),
        (STEP + '\nname = """\n[[step]]\nuse = 1\n"""\nsteps = true', "chain:10: steps is True"),
        (STEP + f'[[step]]\nuse = "{NEEDS}"\nwhat = 1', "chain:7: what is 1"),
        (STEP + f'[[step]]\nuse = "{NEEDS}"', "chain:6: .*:Needs needs the setting 'what'"),
        (STEP + f'[[step]]\nuse = "{PLAIN}"', "chain:6: Plain is not a dataclass"),
        (STEP + '[[step]]\nuse = "text-to-imag"', "chain:6: no plugin 'text-to-imag' .* did you mean 'text-to-image'?"),
        (STEP + '[[step]]\nname = "x"', "chain:5: a step without use"),
        (STEP + '[stpe]\nuse = "x"', "chain:5: there is no table 'stpe'; did you mean 'step'?"),
        (STEP + '[request]\npromt = "x"', r"chain:6: \[request\] has no 'promt'; did you mean 'prompt'?"),
        (STEP + "[request]\nseed = -1", "chain:6: seed is -1"),
        (STEP + '[runtime]\n\ndtype = "int8"', "chain:7: dtype is 'int8'"),
        (STEP + "[runtime]\ndevice = 5", "chain:6: device is 5"),
        ('prompt = "x"\n' + STEP, "chain:1: there is no table 'prompt'"),
        (STEP + "steps = ", "chain:5: Invalid value"),
        (STEP + "[[step]\n", "chain:5: "),
        ("", "chain: no steps; expected at least one"),
        ("step = 3", "chain:1: no steps"),
        ('[[step]]\nuse = "igo.chains.step:Step"', "chain:2: Step is not a dataclass"),
    ],
)
def test_mistakes_are_named_with_their_line(text, message):
    with pytest.raises(ConfigError, match=f"^{message}") as caught:
        parse_chain(text)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path):
    (tmp_path / "chain.toml").write_bytes(b"\xef\xbb\xbf" + STEP.replace("\n", "\r\n").encode())
    assert plugins(load_chain(tmp_path / "chain.toml")) == [Film()]


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "picture.toml").write_bytes(b"\xff\xd8\xff")
    for name, message in (("none.toml", "can't be read"), ("picture.toml", "is not text"), ("", "can't be read")):
        with pytest.raises(ConfigError, match=message):
            load_chain(tmp_path / name)


def test_a_chain_is_loaded_from_text_too(tmp_path, monkeypatch):
    for text in (STEP, f'step = [[{{}}]]\n[[step]]\nuse = "{FILM}"'.partition("\n")[2], f'[[step]]\nuse="{FILM}"'):
        assert plugins(load_chain(text)) == [Film()]
    (tmp_path / "chain.toml").write_text(STEP)
    monkeypatch.chdir(tmp_path)
    assert plugins(load_chain("chain.toml")) == plugins(load_chain(Path("chain.toml"))) == [Film()]
    with pytest.raises(ConfigError, match=r"^chain:2: Invalid value$"):
        load_chain("use = [[\n")
    one_line = f'step = [{{use = "{FILM}", path = "a.cube"}}]'
    assert plugins(load_chain(one_line)) == [Film(path=Path("a.cube"))]
    with pytest.raises(ConfigError, match="can't be read"):
        load_chain(Path(one_line))
    for name in ("[[a]]", "a = 1"):  # TOML, and names of files
        (tmp_path / name).write_text(STEP)
        assert plugins(load_chain(name)) == [Film()]
    for source in (None, 3, b"chain.toml", STEP.encode(), io.StringIO(STEP)):
        with pytest.raises(ConfigError, match=f"can't be read from {type(source).__name__}; expected a path, or TOML"):
            load_chain(source)
    for name in ("no [chain].toml", "a\0b", "n" * 5000, ""):
        with pytest.raises(ConfigError, match="can't be read"):
            load_chain(name)


def test_a_chain_of_somebody_elses_may_take_installed_plugins_alone(tmp_path, monkeypatch):
    (tmp_path / "elses.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "chain.toml").write_text('[[step]]\nuse = "elses:Film"\n')
    for source in (tmp_path / "chain.toml", '[[step]]\nuse = "elses:Film"\n'):
        with pytest.raises(ConfigError, match=":2: 'elses:Film' is no installed plugin"):
            load_chain(source, trust=False)
        with pytest.raises(ConfigError, match=r"can't be imported \(SystemExit: imported\)"):
            load_chain(source)
    assert load_chain('[[step]]\nuse = "upscaling"\n', trust=False).steps


@pytest.mark.parametrize("number", ["9" * 5000, f"0x{'f' * 20_000}", "[" * 50_000, "nan", "1e999"])
def test_numbers_and_nesting_beyond_all_measure_are_one_line(number):
    with pytest.raises(ConfigError, match=r"^chain") as caught:
        parse_chain(f"{STEP}steps = {number}\n")
    assert "\n" not in str(caught.value)


def test_settings_that_toml_cannot_hold_are_named():
    @dataclass
    class Holds:
        thing: Any = "x"

        @igo.hookimpl
        def observe(self, event): ...

    with pytest.raises(ConfigError, match="step 'holds': setting 'thing' is a object, which TOML can't hold"):
        igo.Chain(Holds(object())).to_toml()
    with pytest.raises(ConfigError, match="setting 'thing' is a NoneType, which TOML can't hold"):
        igo.Chain(Holds(None)).to_toml()


def test_lines_are_found_by_the_parser_itself():
    text = (
        '# [[step]] """\n"request".prompt = 1\n[[step]] # first\n  "use" = "[[step]]"\n'
        'b.c = """\n[[step]]\nuse = 3"""\n'
        "[[ step ]]\nsize = [\n  1,\n  2,\n]\n[step.weights]\nred = 1\n"
    )
    places = {
        ("request",): 2, ("step", 0): 3, ("step", 0, "use"): 4, ("step", 0, "b"): 5, ("step", 1): 8,
        ("step", 1, "size"): 9, ("step", 1, "weights"): 13, ("step", 1, "weights", "red"): 14, ("runtime",): None,
    }  # fmt: skip
    assert {path: line_of(text, *path) for path in places} == places
    assert line_of('step = [{ use = "a" },\n  { use = "b" }]', "step", 1, "use") == 1


def test_settings_are_described_from_the_source():
    found = {setting.name: setting for setting in settings_of(Film)}
    assert found["amount"].help == "How much of it, from 0 to 1."
    assert (found["amount"].type_name, found["path"].type_name) == ("float", "Path | None")
    assert found["names"].default == []
    assert settings_of(Needs)[0].required


def test_the_base_can_be_described_without_torch():
    code = (
        "import sys; from igo.chains import registry; from igo.chains.settings import settings_of;"
        "assert len(settings_of(registry.load('text-to-image'))) > 8;"
        "sys.exit('torch was imported' if 'torch' in sys.modules else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
