"""Every error IGO raises on purpose. Each message is one line: what was wrong, what was expected, what to do."""

from typing import Any, Self


class IGOError(Exception):
    """Base of all of IGO's errors; the CLI prints it in one line and exits with 2.

    ``step`` and ``hook`` name the place in a chain that was at work, where there was one. The chain fills them in,
    so a plugin just raises.
    """

    step: str | None = None
    hook: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process as it is, whatever arguments its class takes."""
        return _as_it_was, (type(self), self.args, vars(self))

    def __str__(self) -> str:
        message = _on_one_line(Exception.__str__(self))  # not a KeyError's own, which is the message's repr
        if self.step is None:
            return message
        return f"step '{self.step}'{f' ({self.hook})' if self.hook else ''}: {message}"

    def at(self, step: str, hook: str | None = None) -> Self:
        """Name the place, unless a deeper one is named already. Returns the error itself."""
        if self.step is None:
            self.step, self.hook = step, hook
        return self


class SettingsError(IGOError, ValueError):
    """A value that a user gave is not one of those that can be taken."""


class ImageError(IGOError, ValueError):
    """A picture that can't be read, written or used as it is."""


class PromptError(IGOError, ValueError):
    """A prompt that can't be encoded."""


class CheckpointError(IGOError):
    """A model that is not there, can't be loaded, or would not be safe to load."""


class LicenseError(CheckpointError):
    """Weights whose licence forbids commercial use, or isn't known, where that is asked for."""


class PluginError(IGOError):
    """A plugin that is wrong: a misspelt hook, a result of the wrong type, an exception of its own."""


class RegistryError(IGOError):
    """An installed plugin that can't be found or imported, or whose name two distributions claim."""


class ChainError(IGOError):
    """Steps that don't fit together."""


class LayerError(ChainError):
    """A layer that a step needs and nobody makes, or one that does not fit the picture."""


class MissingLayerError(LayerError):
    """A layer that a step asks for, and that nobody makes."""


class MissingReferenceError(ChainError, KeyError):
    """A reference that a step needs, and that isn't given."""


class MaskError(IGOError):
    """A mask that can't be meant. ``area`` is the share of the picture that it covers, 0 to 1; ``confidence``, where a
    model made it, is that model's mean certainty within it, 0 to 1."""

    def __init__(self, message: str, area: float, confidence: float | None = None) -> None:
        super().__init__(message)
        self.area = area
        self.confidence = confidence


class NothingFoundError(MaskError):
    """A text whose thing is not in the picture."""


class FoundEverythingError(MaskError):
    """A text whose mask is nearly all of the picture."""


class UnsureError(MaskError):
    """A text whose mask the model itself doubts."""


class ConfigError(IGOError):
    """A chain file that can't be understood; the message begins with the line."""


class ProvenanceError(IGOError):
    """A picture that carries no record, or one that can't be made again here."""


class UnsafeContentError(IGOError):
    """The checkpoint's safety checker flagged a picture, and the policy is to refuse it."""


class OverflowInVAEError(IGOError):
    """The VAE gave no finite pixels, in fp32 too."""


class PlanError(IGOError, ValueError):
    """A batch's plan that can't be carried out. ``problems`` are all that were found, a line each."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class JournalError(IGOError):
    """A batch's journal that can't be read, is another batch's, or that somebody else writes to just now."""


class CancelledError(IGOError):
    """A run that somebody who watches it has ended: raised by an ``observe`` hook, and by nothing in IGO itself."""


class WorkerError(IGOError):
    """A process of a batch that died, or can't start."""


class RemoteError(IGOError):
    """A server that paints for a chain, and can't be reached, isn't ready, or can't do what it was asked."""


class RemoteTimeoutError(RemoteError, TimeoutError):
    """A server that hasn't answered in time."""


class ProtocolError(RemoteError):
    """A message to or from such a server that can't be read, or is of another version of the protocol."""


def _as_it_was(kind: type[IGOError], args: tuple[Any, ...], state: dict[str, Any]) -> IGOError:
    error = kind.__new__(kind, *args)
    vars(error).update(state)
    return error


def _on_one_line(text: str) -> str:
    """The text, of which a file's name or a library's error may be part, without what would steer a terminal."""
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(one if one.isprintable() else "�" for one in line)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that some memory has run out; of a CPU's, torch says it by a bare ``RuntimeError``, OpenCV
    by an error of its own, and CUDA's libraries by a status."""
    told = str(error).lower()
    phrases = (
        *("can't allocate memory", "cannot allocate memory", "failed to allocate", "unable to allocate"),
        *("out of memory", "not enough memory", "insufficient memory", "_alloc_failed"),
    )
    typed = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return typed or (not isinstance(error, IGOError | OSError) and any(phrase in told for phrase in phrases))


def did_you_mean(word: str, choices: "list[str] | tuple[str, ...]") -> str:
    """The tail of an error message: the nearest choice if there is one, else all choices."""
    from difflib import get_close_matches

    near = get_close_matches(word, choices, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"choose one of: {', '.join(sorted(choices))}" if choices else "there is none to choose from"
