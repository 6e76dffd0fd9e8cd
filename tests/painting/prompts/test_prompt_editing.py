"""Words that are taken out of prompts and put into them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igo.painting.prompts.editing import read, weighted, write
from igo.painting.prompts.syntax import parse


def weights(prompt):
    """Each letter of a prompt with its weight, white space left out; None is a BREAK."""
    found = []
    for fragment in parse(prompt):
        found += [None] if fragment.is_break else [(text, fragment.weight) for text in fragment.text if text.strip()]
    return found


@pytest.mark.parametrize(
    "prompt",
    ["a man in (a navy coat:1.3), [x (y] z)", r"(a\(b", r"B\REAK", "a ((b:1.2) [c]) BREAK d", "(a", r"x\\(y)", ""],
)
def test_a_prompt_in_which_nothing_changes_is_written_as_it_was(prompt):
    assert write(read(prompt)) == prompt


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab ()[]\\:1.3,#", max_size=20).map(lambda text: text.replace("#", " BREAK ")))
def test_any_text_keeps_its_weights(prompt):
    assert weights(write(read(prompt))) == weights(prompt)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab ()[]\\:1.3,", max_size=16), st.data())
def test_what_is_left_keeps_its_weights_when_something_is_cut_out(prompt, data):
    characters = read(prompt)
    start = data.draw(st.integers(0, len(characters)))
    end = data.draw(st.integers(start, len(characters)))
    left = [*characters[:start], *weighted("X", 1.3), *characters[end:]]
    whole = [
        (character.text, weight)
        for character, weight in zip(
            (one for one in characters if one.text.strip()), (weight for _, weight in weights(prompt)), strict=True
        )
    ]
    before = sum(bool(one.text.strip()) for one in characters[:start])
    behind = sum(bool(one.text.strip()) for one in characters[end:])
    assert weights(write(left)) == [*whole[:before], ("X", 1.3), *whole[len(whole) - behind :]]


@pytest.mark.parametrize(
    ("text", "weight", "written"),
    [
        ("a hoodie", 1, "a hoodie"),
        ("a hoodie", 1.2, "(a hoodie:1.2)"),
        ("a (red:1.3) hoodie", 1.2, "(a (red:1.3) hoodie:1.2)"),
        ("a hoodie (red", 1.2, "(a hoodie (red):1.2)"),
        ("a hoodie [red", 1, "a hoodie [red]"),
        ("a hoodie\\", 1.2, "(a hoodie:1.2)"),
    ],
)
def test_brackets_of_a_text_that_is_put_in_end_with_it(text, weight, written):
    assert write(weighted(text, weight)) == written


def test_text_that_would_become_a_weight_by_what_was_cut_out_stays_text():
    characters = read("(a: b 1.3)")
    written = write([one for one in characters if one.text != "b"])
    assert [(one.text, one.weight) for one in parse(written)] == [("a:  1.3", 1.1)]
