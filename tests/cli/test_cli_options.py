"""What all commands share: the base's options, ``~`` in paths, and messages that speak of options."""

from pathlib import Path
from typing import Annotated, get_args

import pytest
import typer
from PIL import Image

from igo import cli
from igo.chains.settings import settings_of
from igo.cli.command import Commands, Group
from igo.cli.painting import MORE, Painting
from igo.errors import ConfigError, SettingsError
from igo.painting.text_to_image import TextToImage

PAINTERS = ("generate", "style", "outpaint")
COMMANDS = typer.main.get_command(cli.app).commands


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Run ``igo`` in an empty folder that is also the user's own; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    Path("home").mkdir()

    def run(*arguments):
        code = cli.run_command([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("name", PAINTERS)
def test_a_command_that_paints_can_say_all_of_the_base(name):
    options = {parameter.name: parameter for parameter in COMMANDS[name].params}
    for setting in settings_of(TextToImage):
        assert setting.name in options, f"igo {name} has no --{setting.name}"
        assert options[setting.name].help == setting.help.replace("``", "")
    assert options.keys() >= MORE.keys()


def test_options_come_out_as_settings(tmp_path):
    given = {parameter.name: parameter.default for parameter in Painting.parameters()}
    base, *adapters = Painting(given).steps
    assert base == TextToImage()
    assert adapters == []
    given |= {"checkpoint": "a/b", "memory": "tiling", "feather": 2.0, "adapter": ["x.safetensors:0.5"]}
    given |= {"embedding": ["y.safetensors", "word=z.pt"]}
    base, adapter, *embeddings = Painting(given).steps
    assert base == TextToImage("a/b", memory="tiling", feather=2.0)
    assert (adapter.weights, adapter.scale) == ("x.safetensors", 0.5)
    assert [(one.weights, one.token) for one in embeddings] == [("y.safetensors", None), ("z.pt", "word")]


@pytest.mark.parametrize(
    "arguments",
    [
        ["upscale", "~/me.png", "2", "-o", "~/new/big.png"],
        ["run", "~/paint.toml", "--image=~/me.png", "-o", "~/new/big.png"],
        ["run", "~/paint.toml", "--image=~/me.png", "--layer", "mask=~/me.png", "-o", "~/new/big.png"],
    ],
    ids=" ".join,
)
def test_the_users_folder_is_expanded(arguments, command):
    Image.new("RGB", (8, 8), "red").save("home/me.png")
    Path("home/paint.toml").write_text('[request]\nprompt = "a"\n[[step]]\nuse = "igo.testing:PaintedBase"\n')
    code, _, errors = command(*arguments, "-q")
    assert code == 0, errors
    assert Path("home/new/big.png").is_file()
    assert not Path("~").exists()


@pytest.fixture
def told(capsys):
    """What a command says of an error in it."""

    def run(error):
        app = Commands()

        @app.callback()
        def _several() -> None:
            """The commands have names."""

        @app.command("try")
        def command(on_doubt: str = "", tile: int = 0, to: Annotated[str, typer.Option("--to", "-t")] = "") -> None:
            raise error

        with pytest.raises(type(error)) as caught:
            typer.main.get_command(app).main(["try"], standalone_mode=False)
        return str(caught.value)

    return run


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("tile=157 paints it at its size, in 3 parts", "--tile 157 paints it at its size, in 3 parts"),
        ("look at it with on_doubt='paint', or bring a mask", "look at it with --on-doubt paint, or bring a mask"),
        ("both to='3:4' and left=3; give one", "both --to 3:4 and left=3; give one"),
        ("on_doubt is 'x'; choose raise", "--on-doubt is 'x'; choose raise"),
        ("what on_doubt is 'x'", "what on_doubt is 'x'"),
        ("a path such as x/tile=3.png", "a path such as x/tile=3.png"),
    ],
)
def test_messages_speak_of_options(written, expected, told):
    assert told(SettingsError(written)) == expected
    placed = ConfigError(written).at("upscaling", "postprocess")
    assert told(placed) == f"step 'upscaling' (postprocess): {expected}"


def test_a_group_is_spread_over_a_command(capsys):
    app = Commands()

    @app.callback()
    def _several() -> None:
        """The commands have names."""

    @app.command()
    def paint(painting: Painting, word: str = "none") -> None:
        typer.echo(f"{word} {painting.checkpoint} {sorted(painting.given)}")

    typer.main.get_command(app).main(["paint", "--word", "a", "-c", "b/c"], standalone_mode=False)
    names = sorted([*(setting.name for setting in settings_of(TextToImage)), *MORE, "speed"])
    assert capsys.readouterr().out == f"a b/c {names}\n"
    assert issubclass(Painting, Group)
    assert get_args(Painting.parameters()[0].annotation)[0] is str
