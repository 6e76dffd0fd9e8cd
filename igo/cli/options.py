"""Options that several commands share, and what they have in common."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from igo.chains.settings import given
from igo.cli.command import Commands
from igo.cli.printing import echo
from igo.errors import ConfigError, SettingsError
from igo.files import at_home

if TYPE_CHECKING:
    from igo.chains.chain import Chain
    from igo.chains.settings import Setting
    from igo.licensing import Permit
    from igo.runtime import Runtime

Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The file to write: .png (exact), .jpg or .webp."),
]
Image = Annotated[Path | None, typer.Option(help="The picture to start from.")]
Layer = Annotated[
    list[str] | None,
    typer.Option(help="A layer that you bring, NAME=FILE, such as mask=mask.png (white: change here). Repeatable."),
]
Reference = Annotated[
    list[str] | None,
    typer.Option(help="A picture to go by, NAME=FILE, such as garment=shirt.png, for steps that ask. Repeatable."),
]
Seed = Annotated[int | None, typer.Option(help="The first picture's seed; by default a random one.")]
NumImages = Annotated[int | None, typer.Option("--num-images", "-n", help="How many pictures, in one batch.")]
NegativePrompt = Annotated[str | None, typer.Option(help="What shall not be in the picture.")]
Width = Annotated[int | None, typer.Option(help="Pixels; by default the checkpoint's own width.")]
Height = Annotated[int | None, typer.Option(help="Pixels; by default the checkpoint's own height.")]
Steps = Annotated[int | None, typer.Option("--num-inference-steps", "--steps", help="Denoising steps.")]
Guidance = Annotated[float | None, typer.Option(help="How closely to follow the prompt; 1 is not at all.")]
Strength = Annotated[float | None, typer.Option(help="How much of --image is replaced, 0 to 1.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps …")]
Dtype = Annotated[str | None, typer.Option(help="auto, float32, float16 or bfloat16.")]
Speed = Annotated[
    Literal["exact", "fast", "turbo"],
    typer.Option(help="exact; fast: about twice as quick, nearly the same; turbo: a few steps, by an adapter."),
]
FewSteps = Annotated[
    str | None,
    typer.Option(help="The adapter of --speed turbo, such as latent-consistency/lcm-lora-sdv1-5 [that of mini]."),
]
Commercial = Annotated[
    bool,
    typer.Option("--commercial", help="Refuse weights whose licence forbids commercial use or isn't known."),
]
Adapters = Annotated[
    list[str] | None,
    typer.Option("--adapter", help="A LoRA, FILE or FILE:SCALE, such as jacket.safetensors:0.8. Repeatable."),
]
Embeddings = Annotated[
    list[str] | None,
    typer.Option(
        "--embedding",
        help="A textual inversion, FILE or WORD=FILE: a word in prompts, such as (mystyle:1.2). Repeatable.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting of that plugin, NAME=VALUE (igo plugins PLUGIN lists them). Repeatable."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]


def command_group(help_: str) -> Commands:
    """Commands under one name, which by itself prints what they are."""
    group = Commands(help=help_, rich_markup_mode=None, invoke_without_command=True)

    @group.callback()
    def _help(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            echo(context.get_help())

    return group


def layers_from(given: list[str] | None) -> dict[str, Path]:
    """``NAME=FILE`` options as a table. Raises ``SettingsError``."""
    return _files(given, "layer", "NAME=FILE, such as mask=mask.png")


def references_from(given: list[str] | None) -> dict[str, Path]:
    """The same of ``--reference``."""
    return _files(given, "reference", "NAME=FILE, such as garment=shirt.png")


def _files(given: list[str] | None, option: str, expected: str) -> dict[str, Path]:
    return {name: at_home(file) for name, file in pairs(given, option, expected).items()}


def adapters_from(given: list[str] | None) -> list[object]:
    """``FILE`` and ``FILE:SCALE`` options as steps of a chain. Raises ``SettingsError``."""
    from igo.chains import registry

    steps: list[object] = []
    for item in given or []:
        file, colon, number = item.rpartition(":")
        try:
            scale = float(number) if colon else 1.0
        except ValueError:  # the colon is the file name's own, as in C:\adapters
            file, scale = item, 1.0
        steps.append(registry.load("adapter")(file if colon else item, scale))
    return steps


def embeddings_from(given: list[str] | None) -> list[object]:
    """``FILE`` and ``WORD=FILE`` options as steps of a chain. Raises ``SettingsError``."""
    from igo.chains import registry

    steps: list[object] = []
    for item in given or []:
        word, equals, file = item.partition("=")
        named = bool(equals) and not at_home(item).exists()  # else the sign is the file name's own
        steps.append(registry.load("embedding")(file if named else item, word if named else None))
    return steps


def settings_from(given: list[str] | None) -> dict[str, str]:
    """``--set NAME=VALUE`` as a table. Raises ``SettingsError``."""
    return pairs(given, "set", "NAME=VALUE, such as num_beams=1")


def pairs(given: list[str] | None, option: str, expected: str = "NAME=VALUE") -> dict[str, str]:
    """``NAME=VALUE`` options as a table. Raises ``SettingsError``."""
    found: dict[str, str] = {}
    for item in given or []:
        name, _, value = item.partition("=")
        if not (name.strip() and value.strip()):
            raise SettingsError(f"--{option.replace('_', '-')} is {item!r}; expected {expected}")
        if name in found:
            raise SettingsError(f"--{option.replace('_', '-')} gives {name!r} twice; give it once")
        found[name] = value
    return found


def chain_of(
    use: str, settings: Mapping[str, Any], device: str | None, dtype: str | None, commercial: bool = False
) -> Chain:
    """A chain of one plugin. Settings that are text are read as TOML where the plugin doesn't take text.

    Raises ``IGOError`` for a plugin that isn't there, or settings that it doesn't take.
    """
    from igo.chains import registry
    from igo.chains.config import build
    from igo.chains.settings import settings_of

    known = {setting.name: setting for setting in settings_of(registry.load(use))}
    read = {name: as_setting(known[name], value) if name in known else value for name, value in settings.items()}
    runtime = runtime_of(device, dtype, commercial).describe()
    return build({**runtime, "step": [{"use": use, **read}]}, source=f"--with {use}").chain


def as_setting(setting: Setting, value: Any) -> Any:
    """Text that was typed, as it is where the setting takes text, else read as TOML."""
    if isinstance(value, str):
        with suppress(ConfigError):
            return setting.convert(value)
        return as_toml(value)
    return value


def as_toml(value: str) -> Any:
    """A value as TOML writes it, such as a number or true; other text is itself."""
    import tomllib

    with suppress(tomllib.TOMLDecodeError):
        return tomllib.loads(f"value = {value}")["value"]
    return value


def runtime_of(device: str | None, dtype: str | None, commercial: bool = False) -> Runtime:
    """The runtime of a command. Raises ``SettingsError`` for a device that isn't here, before anything is loaded."""
    from igo.runtime import Runtime

    runtime = Runtime(**given(device=device, dtype=dtype), commercial=commercial)
    if device not in (None, "auto", "cpu"):
        runtime.device  # noqa: B018  asks torch for it
    return runtime


def permit_of(commercial: bool) -> Permit:
    """What is asked about the licence of a model that is loaded without a chain."""
    from igo.runtime import Runtime

    return Runtime(commercial=commercial).permit


def check_model(name: str, option: str, own: str = "mini") -> None:
    """Raise ``SettingsError`` for what is nothing on this disk and can't be a hub's name, before anything is loaded."""
    if name == own or at_home(name).exists() or (name.count("/") == 1 and not name.startswith((".", "/", "~"))):
        return
    expected = f"{own!r}, a folder" if own else "a folder"
    raise SettingsError(f"{option} is {name!r}, which is not here; expected {expected}, a file or a hub's owner/name")


def without_advice() -> None:
    """Keep transformers from advising to install what nothing here uses ("requires torchvision"), unless asked to."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


@contextmanager
def progress(quiet: bool) -> Iterator[list[object]]:
    """The observers for a run: a progress bar on standard error, or none."""
    if quiet:
        yield []
        return
    from igo.chains.progress import ProgressBar

    with ProgressBar() as bar:
        yield [bar]


def telling(observers: Iterable[object], step: str, hook: str) -> Callable[[int, int], None]:
    """What tells observers how far something has come that is no run of a chain."""
    from igo.chains.step import Step
    from igo.values import Event

    listeners = [Step(observer) for observer in observers]

    def tell(done: int, total: int) -> None:
        for listener in listeners:
            listener.ask("observe", event=Event("progress", step, hook, done, total))

    return tell
