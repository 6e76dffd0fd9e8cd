"""Steps as cards: what is offered, forms made of settings, mistakes by their field, chain files in and out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field as Bounds

import igo
from igo.errors import ConfigError
from igo.page import cards
from igo.page.cards import Card
from igo.testing import PaintedBase


@dataclass(frozen=True)
class Every:
    """A plugin with a setting of each kind.

    And more words.
    """

    must: str
    """What it is called."""
    mode: Literal["a", "b"] = "a"
    maybe: Literal["x", "y"] | None = None
    on: bool = True
    many: Annotated[int, Bounds(ge=1, le=9)] = 2
    share: float | None = None
    side: int | None = None
    table: Mapping[str, Any] = field(default_factory=dict)
    pair: tuple[int, int] = (1, 2)

    def __post_init__(self):
        if self.share is not None and self.share > 1:
            raise igo.IGOError("share is too large; expected at most 1")
        if self.must == self.mode:
            raise igo.IGOError("both are the same")

    @igo.hookimpl
    def postprocess(self, frame):
        return frame


@pytest.fixture
def used():
    """The name of a plugin that this program uses itself, without being installed."""
    igo.Chain(Every("it"))
    return f"{__name__}:Every"


def test_what_is_offered_is_what_is_installed():
    assert {"text-to-image", "upscaling", "try-on"} <= set(cards.offered())
    assert cards.described("upscaling").startswith("Enlarge the picture by Real-ESRGAN")


def test_forms_are_made_of_settings(used):
    form = {one.setting.name: one for one in cards.fields_of(used)}
    assert {name: one.kind for name, one in form.items()} == {
        "must": "text", "mode": "choice", "maybe": "choice", "on": "switch", "many": "number", "share": "number",
        "side": "number", "table": "toml", "pair": "toml",
    }  # fmt: skip
    assert form["must"].help == "(required) What it is called."
    assert (form["mode"].choices, form["maybe"].choices) == (("a", "b"), ("", "x", "y"))
    assert (form["many"].least, form["many"].most) == (1, 9)
    card = Card(used)
    assert [one.shown(card) for one in form.values()] == ["", "a", "", True, "2", "", "", "", "[1, 2]"]
    assert form["many"].help == "A number from 1 to 9."


@pytest.mark.parametrize(
    "name", ["text-to-image", "upscaling", "try-on", "virtual-styling", "outpainting", "controlnet"]
)
def test_forms_of_bundled_plugins_show_what_they_would_be_given(name):
    """Each default that is shown and put back is no change."""
    for one in cards.fields_of(name):
        card = Card(name)
        shown = one.shown(card)
        typed = one.typed(shown)
        if typed is not None:
            assert one.setting.convert(typed) == one.setting.default


def test_mistakes_are_told_at_their_field(used):
    form = {one.setting.name: one for one in cards.fields_of(used)}
    card = Card(used)
    assert cards.changed(card, form["must"], "") == "must is empty; it has to be given"
    assert cards.changed(card, form["must"], "it") == ""
    assert "expected" in cards.changed(card, form["table"], "[1, ")
    assert cards.changed(card, form["table"], "{ a = 1 }") == ""
    assert "expected" in cards.changed(card, form["side"], "2.5")
    assert cards.changed(card, form["side"], "much").startswith("side is 'much'; expected")
    assert form["side"].shown(card) == "much", "it can be mended"
    assert cards.changed(card, form["side"], " ") == ""
    assert cards.changed(card, form["share"], "3") == "share is too large; expected at most 1"
    assert cards.wrong(card) == {"share": "share is too large; expected at most 1"}
    assert cards.changed(card, form["share"], "0.5") == ""
    assert cards.wrong(card) == {}
    cards.changed(card, form["must"], "a")
    assert cards.wrong(card) == {"": "both are the same"}
    with pytest.raises(ConfigError, match=r"^step 1, .*Every: both are the same"):
        cards.chain_of([card], igo.Runtime())


def test_cards_and_chain_files_are_the_same_in_other_words(used):
    base, card = (
        Card(f"{PaintedBase.__module__}:PaintedBase"),
        Card(used, {"must": "it", "table": {"a": [1]}, "share": 0.5}),
    )
    igo.Chain(PaintedBase())
    made = cards.chain_of([base, card], igo.Runtime())
    again = cards.read(made.to_toml())
    assert [(one.use, one.settings) for one in again] == [(base.use, {}), (used, card.settings)]
    assert len({one.number for one in (base, card, *again)}) == 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[step]]\nuse = 'nothing-such'", "chain:2: no plugin"),
        ("[[step]]\nuse = 'os:system'", "is not imported"),
        ("[[step]\n", "chain:1"),
        ("", "no steps"),
    ],
)
def test_chain_files_that_are_wrong_are_one_line_and_import_nothing(text, told):
    with pytest.raises(ConfigError, match=told):
        cards.read(text)


def test_an_empty_chain_is_told():
    with pytest.raises(ConfigError, match="no steps"):
        cards.chain_of([], igo.Runtime())
