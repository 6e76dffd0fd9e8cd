"""Prompt templates that a checkpoint was tuned for: text in front, text behind, and a negative prompt."""

import re
from dataclasses import dataclass
from pathlib import PureWindowsPath

from igo.errors import SettingsError, did_you_mean

NO_PRESET = "none"


@dataclass(frozen=True)
class Preset:
    """A template by name. Each part may be empty."""

    name: str
    prefix: str = ""
    suffix: str = ""
    negative_prompt: str = ""

    def apply(self, prompt: str, negative_prompt: str | None = None) -> tuple[str, str]:
        """The prompt between prefix and suffix, and the user's negative prompt in front of the preset's own.

        The user's words come first in the negative prompt, so that they share the first chunk with as few others as
        possible and a base that reads only 77 tokens still reads them. Parts are joined by ``", "``; an empty text adds
        nothing. What the text already holds, whatever its case, is not added again: applying twice changes nothing.
        """
        prompt, negative = _trimmed(prompt), _trimmed(negative_prompt or "")
        starts = bool(self.prefix) and re.match(rf"{re.escape(self.prefix)}(?!\w)", prompt, re.IGNORECASE)
        return (
            _joined("" if starts else self.prefix, prompt, "" if _holds(prompt, self.suffix) else self.suffix),
            _joined(negative, "" if _holds(negative, self.negative_prompt) else self.negative_prompt),
        )


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "musinsaigo",
            prefix="RAW photo",
            suffix="(high detailed skin:1.2), 8k uhd, dslr, soft lighting, high quality, film grain, Fujifilm XT3",
            negative_prompt=(
                "(deformed iris, deformed pupils, semi-realistic, cgi, 3d, render, sketch, cartoon, drawing, "
                "anime:1.4), text, close up, cropped, out of frame, worst quality, low quality, jpeg artifacts, ugly, "
                "duplicate, morbid, mutilated, extra fingers, mutated hands, poorly drawn hands, poorly drawn face, "
                "mutation, deformed, blurry, dehydrated, bad anatomy, bad proportions, extra limbs, cloned face, "
                "disfigured, gross proportions, malformed limbs, missing arms, missing legs, extra arms, extra legs, "
                "fused fingers, too many fingers, long neck"
            ),
        ),
    )
}


def get_preset(name: str) -> Preset | None:
    """The preset of that name; ``"none"`` is the name of having none. Raises ``SettingsError`` for any other."""
    if name == NO_PRESET:
        return None
    if name not in PRESETS:
        raise SettingsError(f"there is no preset '{name}'; {did_you_mean(name, [*PRESETS, NO_PRESET])}")
    return PRESETS[name]


def preset_for(checkpoint: str) -> Preset | None:
    """The preset whose name is part of the checkpoint's (see ``names_of``), or None."""
    names = [name.lower() for name in names_of(checkpoint)]
    return next((preset for preset in PRESETS.values() if any(preset.name in name for name in names)), None)


def names_of(checkpoint: str) -> list[str]:
    """What a checkpoint is called: a hub name, a folder or a file, on any system.

    Its last part counts, and the repository's name in a folder of the hub's cache
    (``models--owner--name/snapshots/…``).
    """
    path = PureWindowsPath(checkpoint)  # splits at "/" and at "\"
    return [path.name, *(part for part in path.parts if part.startswith("models--"))]


def _trimmed(text: str) -> str:
    return text.strip(", \t\r\n")


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _holds(text: str, phrase: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text, re.IGNORECASE) is not None
