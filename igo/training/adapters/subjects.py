"""What DreamBooth learns, told in a file: a table for each subject."""

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from igo.errors import SettingsError
from igo.files import text_of
from igo.training.data.labelling import TEMPLATE

PRIOR_TEMPLATES = ("fashion photo of a person with a {}", "fashion photo of a {}")
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Subject(BaseModel):
    """One thing to learn, a table ``[[subject]]`` of a subjects file.

    ``token`` is a word that the checkpoint knows nothing by, ``class`` what the thing is an instance of; together
    ("zwx jacket") they name it. ``folder`` has its pictures, with captions (``load_captioned``) or without;
    ``repeats`` says how often each is drawn. ``caption`` is for pictures without one, ``prior`` are prompts for other
    things of the class; in both ``{}`` stands for the name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: Words
    kind: Words = Field(alias="class")
    folder: Path
    repeats: int = Field(default=1, ge=1)
    caption: Words = TEMPLATE
    prior: tuple[Words, ...] = PRIOR_TEMPLATES

    @property
    def name(self) -> str:
        """What prompts call it."""
        return f"{self.token} {self.kind}"

    def captioned(self, text: str) -> str:
        """``text`` so that it names the subject: the token goes before the first mention of its class, or else the
        name goes in front."""
        if re.search(rf"(?<!\w){re.escape(self.token)}(?!\w)", text):
            return text
        kind = re.search(rf"(?<!\w){re.escape(self.kind)}(?!\w)", text, re.IGNORECASE)
        return f"{text[: kind.start()]}{self.token} {text[kind.start() :]}" if kind else f"{self.name}, {text}"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    subject: list[Subject] = Field(min_length=1)


def read_subjects(path: Path) -> list[Subject]:
    """The subjects of a TOML file; their folders are relative to it. Raises ``SettingsError`` in one line."""
    try:
        file = _File.model_validate(tomllib.loads(text_of(path, "the subjects, in TOML")))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"{path}: {place}: {first['msg']}; each [[subject]] needs token, class and folder"
        ) from error
    subjects = [
        subject.model_copy(update={"folder": path.parent / os.path.expanduser(subject.folder)})  # noqa: PTH111
        for subject in file.subject
    ]
    tokens = [subject.token for subject in subjects]
    for token in tokens:
        if tokens.count(token) > 1:
            raise SettingsError(f"{path}: two subjects have the token '{token}'; give each one of its own")
    for subject in subjects:
        if not subject.folder.is_dir():
            raise SettingsError(f"{path}: {subject.folder}, of '{subject.token}', is not a folder; expected pictures")
    return subjects
