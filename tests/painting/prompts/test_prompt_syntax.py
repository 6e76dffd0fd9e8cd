import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igo.painting.prompts.syntax import BREAK, Fragment, escape, parse

VECTORS = {
    "normal text": [("normal text", 1)],
    "an (important) word": [("an ", 1), ("important", 1.1), (" word", 1)],
    "(unbalanced": [("unbalanced", 1.1)],
    r"\(literal\]": [("(literal]", 1)],
    "(unnecessary)(parens)": [("unnecessaryparens", 1.1)],
    "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).": [
        ("a ", 1),
        ("house", 1.573),
        (" ", 1.1),
        ("on", 1),
        (" a ", 1.1),
        ("hill", 0.55),
        (", sun, ", 1.1),
        ("sky", 1.4641),
        (".", 1.1),
    ],
    "(high detailed skin:1.2)": [("high detailed skin", 1.2)],
    "(a: 1.2)": [("a", 1.2)],
    "(a:b:1.2)": [("a:b", 1.2)],
    "(a:1.2": [("a:1.2", 1.1)],
    "a:1.2)": [("a:1.2)", 1)],
    "(a:-1)": [("a", -1)],
    "(a:.5)": [("a", 0.5)],
    "(a:1.)": [("a", 1)],
    "(a:+1.5)": [("a", 1.5)],
    "(a:0)": [("a", 0)],
    "(a:1e3)": [("a:1e3", 1.1)],
    ")a(": [(")a", 1)],
    "[[a]]": [("a", 0.826446)],
    "([a])": [("a", 1)],
    "(a [b] c:1.3)": [("a ", 1.3), ("b", 1.181818), (" c", 1.3)],
    "((a:0.5):2)": [("a", 1)],
    "a [b (c] d)": [("a ", 1), ("b ", 0.909091), ("c", 1), (" d", 1.1)],
    r"a\b": [("ab", 1)],
    "(a))": [("a", 1.1), (")", 1)],
    # What follows from the same rules.
    "": [],
    "()": [],
    "(a:1.2.3)": [("a:1.2.3", 1.1)],
    "(a:.)": [("a:.", 1.1)],
    "a:1.2.3)": [("a:1.2.3)", 1)],
    "(a:" + "9" * 400 + ")": [("a:" + "9" * 400, 1.1)],
    "(a:1.2 )": [("a", 1.2)],
    "(a :\t-.5\n)": [("a ", -0.5)],
    "(a: 1.2.3 )": [("a: 1.2.3 ", 1.1)],
    "(a: 1 2)": [("a: 1 2", 1.1)],
    "(a: )": [("a: ", 1.1)],
    "a: 1.2 )": [("a: 1.2 )", 1)],
    "(a:1,2)": [("a:1,2", 1.1)],
    "[a:1.2)": [("a:1.2)", 1 / 1.1)],
    "([a:1.2)]": [("a", 1.2 / 1.1)],
    "a]": [("a]", 1)],
    r"\\(a)": [("\\", 1), ("a", 1.1)],
    r"(a\))": [("a)", 1.1)],
    r"(a\:1.2)": [("a", 1.2)],
    "a\\": [("a", 1)],
    "x ([y]) z": [("x y z", 1)],
    "a\nb (c)\n": [("a\nb ", 1), ("c", 1.1), ("\n", 1)],
}


@pytest.mark.parametrize("prompt", VECTORS, ids=lambda prompt: prompt[:30] or "empty")
def test_vectors(prompt):
    found = parse(prompt)
    assert [fragment.text for fragment in found] == [text for text, _ in VECTORS[prompt]]
    assert [fragment.weight for fragment in found] == pytest.approx([weight for _, weight in VECTORS[prompt]], abs=1e-6)


def test_plain_brackets_that_cancel_give_exactly_one():
    """So that such a prompt encodes to the same bytes as one without brackets."""
    assert parse("a ([([b])]) c") == (Fragment("a b c", 1.0),)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a BREAK b BREAK c", [Fragment("a"), BREAK, Fragment("b"), BREAK, Fragment("c")]),
        ("a\n BREAK\n\nb", [Fragment("a"), BREAK, Fragment("b")]),
        ("BREAK", [BREAK]),
        ("BREAK a", [BREAK, Fragment("a")]),
        ("a BREAK BREAK b", [Fragment("a"), BREAK, BREAK, Fragment("b")]),
        ("BREAKFAST, break, unBREAK", [Fragment("BREAKFAST, break, unBREAK")]),
        ("(a BREAK b:1.5) c", [Fragment("a", 1.5), BREAK, Fragment("b", 1.5), Fragment(" c")]),
        (r"a B\REAK b", [Fragment("a BREAK b")]),
    ],
)
def test_break_is_a_word_that_takes_its_white_space_along(prompt, expected):
    assert list(parse(prompt)) == expected


def test_nesting_of_any_depth_is_read():
    assert parse("(" * 9_000 + "a") == (Fragment("a", math.inf),)
    assert parse("[" * 9_000 + "a") == (Fragment("a", 0.0),)


SYNTAX = st.lists(st.sampled_from([*"()[]:\\ .+-19ab", "BREAK", ":1.3)", ":0.5)", "é"]), max_size=40).map("".join)


@given(st.text() | SYNTAX)
def test_any_text_is_read(text):
    fragments = parse(text)
    assert all(fragment.text or fragment.is_break for fragment in fragments)
    assert all(a.is_break or b.is_break or a.weight != b.weight for a, b in pairwise(fragments))


@given(st.text(min_size=1).filter(lambda text: not set(text) & set("()[]\\") and "BREAK" not in text))
def test_text_without_syntax_stays_whole(text):
    assert parse(text) == (Fragment(text, 1.0),)


@given(st.text() | SYNTAX)
def test_escaped_text_is_read_as_it_is(text):
    assert parse(escape(text)) == ((Fragment(text, 1.0),) if text else ())


@given(st.text(alphabet="abc é:,()[]1.\n") | SYNTAX)
def test_only_syntax_goes(text):
    """Letters and their order stay; what goes is brackets, backslashes, numbers behind a colon, BREAK and its space."""
    read = "".join(fragment.text for fragment in parse(text))
    letters = [character for character in text.replace("BREAK", "") if character in "abcé,"]
    assert [character for character in read.replace("BREAK", "") if character in "abcé,"] == letters


@given(st.text(alphabet="ab ,é", max_size=10), st.floats(-9, 9).map(lambda number: round(number, 3)))
def test_a_number_weighs_the_whole_bracket(text, number):
    written = f"{number:f}"
    expected = (Fragment(text, float(written)),) if text else ()
    assert parse(f"({text}:{written})") == expected
