"""The chain: plugins in order, run on a prompt or a picture, and written down as TOML."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass, replace
from typing import TYPE_CHECKING, Any

from igo import notebooks
from igo.chains import registry
from igo.chains.inputs import read_inputs, read_references
from igo.chains.run import Run
from igo.chains.settings import settings_of
from igo.chains.step import Step, default_name, equal
from igo.errors import ConfigError, MissingLayerError
from igo.records.look import Look
from igo.records.provenance import Making, Origin, stack
from igo.runtime import Runtime
from igo.values import Entry, Frame, Request

if TYPE_CHECKING:
    from PIL.Image import Image

    from igo.images import ImageSource, Mask


class Chain:
    """Plugins in order, most often a base such as ``TextToImage`` first.

    The same plugin may stand in it several times. ``runtime`` may be shared between chains. Raises ``PluginError`` for
    a plugin that is wrong, before any model is loaded.
    """

    def __init__(self, *plugins: object, runtime: Runtime | None = None) -> None:
        self.steps = _named(plugins)
        self.runtime = (runtime or Runtime()).bound("")

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A chain that comes from another process, or a copy: this program uses its plugins from now on."""
        vars(self).update(state)
        for plugin in self:
            registry.use(type(plugin))

    def __repr__(self) -> str:
        return f"Chain({', '.join(repr(step.plugin) for step in self.steps)})"

    def _repr_html_(self) -> str:
        """Notebooks show a table of the steps and their settings."""
        rows = []
        for step in self.steps:
            settings = step.settings() if is_dataclass(step.plugin) else {}
            told = [f"{name} = {notebooks.short(value)}" for name, value in settings.items()]
            rows.append((step.name, "\n".join(told)))
        return notebooks.table(rows, heads=("step", "settings"))

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[object]:
        """The plugins, in order: ``Chain(*chain, Upscaling(2))`` is one step longer."""
        return (step.plugin for step in self.steps)

    def __eq__(self, other: object) -> bool:
        """Whether both have equal plugins in the same order, and name device and dtype alike."""
        if not isinstance(other, Chain):
            return NotImplemented
        return (
            self.runtime.describe() == other.runtime.describe()
            and len(self) == len(other)
            and all(
                type(one) is type(another) and equal(one, another) for one, another in zip(self, other, strict=True)
            )
        )

    def __hash__(self) -> int:
        """By the kinds of plugins alone: their settings need not be hashable."""
        return hash(tuple(type(plugin) for plugin in self))

    def run(
        self,
        prompt: str = "",
        *,
        image: ImageSource | None = None,
        layers: Mapping[str, ImageSource | Mask] | None = None,
        references: Mapping[str, ImageSource] | None = None,
        observers: Iterable[object] = (),
        stages: bool = False,
        **settings: Any,
    ) -> Look:
        """Make pictures, or change the picture ``image``, and return them with the record of how.

        ``image``, ``layers`` and ``references`` are anything that ``igo.images.read_image`` takes: paths, bytes, PIL
        pictures, arrays. Without a prompt the base takes the image as it is; ``width`` and ``height`` resize it first,
        and the layers, which are of its size. The layer ``"mask"`` is read by ``igo.images.read_mask``; the history
        tells where that had to choose. Any other keeps its colours (RGB), on black where it is transparent; one without
        colours is gray (L), or its alpha if it has transparency. References are pictures to go by, of any size, by the
        names that steps ask for, laid on white where they are transparent. ``settings`` are the other fields of
        ``igo.Request``. ``observers`` have an ``observe`` hook and hear of this run alone (a progress bar).
        ``stages`` keeps the picture after each step for ``Look.stages``, as long as the look lives.

        Raises ``IGOError``: settings, pictures or layers that can't be used, and steps that fail, by name.
        """
        pictures, origins, notes = read_inputs(image, layers or {}, settings.get("width"), settings.get("height"))
        shown, more, said = read_references(references or {}, origins)
        seed = settings.pop("seed", None)
        request = Request().replace(
            prompt=prompt,
            image=pictures.pop("image", None),
            layers=pictures,
            references=shown,
            seed=drawn_seed() if seed is None else seed,
            **settings,
        )
        run = Run(self.steps, self.runtime, [Step(observer) for observer in observers])
        notes += [*said, *self._unused(shown), *self._lossy()]
        kept: list[dict[str, Frame]] | None = [] if stages else None
        frames = [replace(frame, history=(*notes, *frame.history)) for frame in run.frames(request, kept)]
        return Look(frames, self._making(request, origins | more, run), kept)

    def _unused(self, references: Iterable[str]) -> list[Entry]:
        """A note on each reference that no step needs, as far as they say."""
        needed = {name for step in self.steps for name in step.needs_references}
        note = "no step of this chain says that it needs this reference"
        return [Entry(name, {"note": note}) for name in references if name not in needed]

    def _lossy(self) -> list[Entry]:
        """What steps give up for speed."""
        return [Entry(step.name, {"lossy": step.lossy}) for step in self.steps if step.lossy]

    def _making(self, request: Request, origins: Mapping[str, Origin], run: Run) -> Making:
        """What the records of a run say of the chain as it is now."""
        models = dict(run.identities)
        chain, why = None, ""
        try:
            chain = self.describe()
        except ConfigError as error:
            why = str(error)
        offered = filter(None, (registry.distribution_of(type(step.plugin)) for step in self.steps))
        libraries = [name for step in self.steps for name in step.libraries]
        stacked = stack(dict(offered), self.runtime if models else None, libraries)
        return Making(request, origins, models, chain, why, stacked, licenses=dict(run.licenses))

    def caption(
        self, images: Sequence[ImageSource], prompt: str = "", *, observers: Iterable[object] = ()
    ) -> list[str]:
        """What each of ``images`` shows, in the words of the first step that captions; without ``prompt``, which is how
        the answer begins or a question to a model that takes questions (see ``igo.hookspecs.caption``).

        Transparent pictures are laid on white. Raises ``IGOError``: ``ChainError`` if no step captions.
        """
        from igo.images import read_image

        pictures = [read_image(image).on_white() for image in images]
        run = Run(self.steps, self.runtime, [Step(observer) for observer in observers])
        return run.captions(pictures, prompt) if pictures else []

    def layer(
        self,
        name: str,
        image: ImageSource,
        references: Mapping[str, ImageSource] | None = None,
        target: str = "",
    ) -> Image:
        """The layer ``name`` of a picture, by the first step that provides it, such as a ``"mask"`` in mode L.

        The mask of a chain with ``VirtualStyling`` is the zone that it would paint. ``target`` says of what, to a step
        that makes masks of many things, such as ``"t-shirt"``.

        ``references`` are as in ``run``. Transparent pictures are laid on white, and a mask has nothing that can't be
        seen. Raises ``IGOError``: ``MissingLayerError`` if no step makes it.
        """
        from igo.images import read_image, visible_part

        self.runtime.check()
        picture = read_image(image)
        seen, run = picture.on_white(), Run(self.steps, self.runtime)
        request = Request(image=seen, references=read_references(references or {})[0], seed=0)
        steps = sorted(run.steps, key=lambda step: name in step.shows)  # what a step makes for all comes first
        made = run.provided(name, steps, Frame(seen), request, target=target)
        if made is None:
            of = f" of '{target}'" if target else ""
            raise MissingLayerError(f"no step of this chain provides a layer '{name}'{of}; add one that does")
        return visible_part(made.convert("L"), picture.alpha) if name == "mask" else made

    def memory(self) -> dict[str, int]:
        """Bytes of the weights that are loaded for this chain, and for others of its runtime, by what they are: the
        base, its inpainting checkpoint, text masks, an upscaler. What two share counts once. Models are loaded when
        they are first used, so before a run there is none."""
        from igo.chains.memory import held

        return held(self.runtime.models)

    def check(self, layers: Iterable[str] = (), references: Iterable[str] = ()) -> None:
        """Raise ``IGOError`` for what can't work here, as far as that is known before anything is loaded.

        ``MissingLayerError`` for the first step that needs a layer which neither ``layers`` nor any step brings,
        ``MissingReferenceError`` for one that needs a reference which is not in ``references`` (names, both);
        ``SettingsError`` for a device that this machine lacks; and what the steps say (``igo.hookspecs.check``).
        """
        Run(self.steps, self.runtime).check(layers, references)

    def describe(self) -> dict[str, Any]:
        """The chain as plain data: ``{"step": [{"use": name, setting: value, ...}]}``, what ``to_toml`` writes.

        Settings at their defaults are left out. Raises ``ConfigError`` for a setting that TOML can't hold.
        """
        return {**self.runtime.describe(), "step": [_described(step) for step in self.steps]}

    def to_toml(self) -> str:
        """The chain as a TOML file's text, which ``igo run`` and ``igo.load_chain`` read."""
        import tomlkit

        return tomlkit.dumps(self.describe())


def drawn_seed() -> int:
    """A seed for a run that is given none."""
    return secrets.randbits(32)


def _named(plugins: Iterable[object]) -> tuple[Step, ...]:
    """Steps with names of their own: the second of a kind gets ``-2``."""
    counts: dict[str, int] = {}
    steps = []
    for plugin in plugins:
        name = default_name(type(plugin))
        counts[name] = counts.get(name, 0) + 1
        steps.append(Step(plugin, name if counts[name] == 1 else f"{name}-{counts[name]}"))
        registry.use(type(plugin))
    return tuple(steps)


def _described(step: Step) -> dict[str, Any]:
    """A step as plain data."""
    try:
        known = {setting.name: setting for setting in settings_of(type(step.plugin))}
        plain = {key: known[key].dump(value) for key, value in step.settings().items()}
    except ConfigError as error:
        error.at(step.name)
        raise
    return {"use": registry.name_of(type(step.plugin)), **plain}
