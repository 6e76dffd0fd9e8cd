"""The words of virtual styling: phrases, limbs, and prompts in which one garment takes another's place."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igo.painting.prompts.syntax import parse
from igo_plugins.styling.wording import bared, dressed, phrases

NEW = "(a red hoodie:1.2)"
SAID = {
    ("a woman in a t-shirt and jeans", "t-shirt"): f"a woman in {NEW} and jeans",
    ("a woman in a plain white t-shirt, studio", "t-shirt"): f"a woman in {NEW}, studio",
    ("a man in a shirt and blue jeans, street", "jeans"): f"a man in a shirt and {NEW}, street",
    ("a man in a long-sleeve shirt and jeans", "shirt"): f"a man in {NEW} and jeans",
    ("", "t-shirt"): f"fashion photo of a person in {NEW}",
    # weights, wherever their brackets stand
    ("a man in (a navy coat:1.3), park", "coat"): f"a man in {NEW}, park",
    ("a man in a (green:1.3) coat, park", "coat"): f"a man in {NEW}, park",
    ("a man in ((navy blue) [wool] coat:1.2) and jeans", "coat"): f"a man in {NEW} and jeans",
    ("a (wool (green:1.4):1.1) coat", "coat"): NEW,
    ("man in (green:1.3)coat", "coat"): f"man in {NEW}",
    ("a coat (green:1.3), park", "coat"): f"{NEW}, park",
    ("(a man in a coat, park:1.3)", "coat"): f"(a man in :1.3){NEW}(, park:1.3)",
    ("(a man in a coat, park", "coat"): f"(a man in ){NEW}(, park",
    (r"a \(vintage\) coat, park \(rain\)", "coat"): rf"{NEW}, park \(rain\)",
    (r"man in a coat \(green\), park", "coat"): f"man in {NEW}, park",
    ('wearing "green" coat', "coat"): f"wearing {NEW}",
    # hyphens, apostrophes, possessives, capitals, plurals, other languages' letters
    ("a man in an orange-brown jacket, park", "jacket"): f"a man in {NEW}, park",
    ("a man in an orange-brown jacket, park", "the orange jacket"): f"a man in {NEW}, park",
    ("1girl, green_coat, street", "coat"): f"1girl, {NEW}, street",
    ("a man in Levi’s jeans, street", "jeans"): f"a man in {NEW}, street",
    ("a man in Levi’s jeans, street", "levi's jeans"): f"a man in {NEW}, street",
    ("a woman in her mother's coat", "coat"): f"a woman in {NEW}",
    ("a woman in a men's red coat", "coat"): f"a woman in {NEW}",
    ("the woman's red coat", "coat"): f"the woman's {NEW}",
    ("A MAN IN A GREEN COAT", "coat"): f"A MAN IN {NEW}",
    ("a woman in white t-shirts", "t-shirt"): f"a woman in {NEW}",
    ("a woman in a silk scarf", "scarves"): f"a woman in {NEW}",
    ("a woman in a white t shirt", "T-Shirt"): f"a woman in {NEW}",
    ("a pair of blue jeans", "jeans"): NEW,
    ("eine Frau in einem grünen Mantel, Straße", "Mantel"): f"eine Frau in {NEW}, Straße",
    ("eine Frau in einem gru\u0308nen Ro\u0308ckchen", "Röckchen"): f"eine Frau in {NEW}",
    ("une femme avec un manteau vert, rue", "manteau"): f"une femme avec {NEW}, rue",
    ("женщина, красная куртка, улица", "куртка"): f"женщина, {NEW}, улица",
    # several adjectives and lists of them
    ("a woman in a very long bright orange vintage oversized winter coat", "coat"): f"a woman in {NEW}",
    ("a man in a black and white striped shirt and blue jeans", "shirt"): f"a man in {NEW} and blue jeans",
    ("a man in a red, white and blue jacket, street", "jacket"): f"a man in {NEW}, street",
    ("a man in a black/white jacket", "jacket"): f"a man in {NEW}",
    ("a man in a hat and blue jeans", "jeans"): f"a man in a hat and {NEW}",
    ("a man in red, coat, park", "coat"): f"a man in red, {NEW}, park",
    # what comes behind
    ("Her T-Shirt is white, studio", "t-shirt"): f"{NEW}, studio",
    ("a man in a coat in dark green, park", "coat"): f"a man in {NEW}, park",
    ("a man in a coat with gold buttons and blue jeans", "coat"): f"a man in {NEW} and blue jeans",
    ("a man in a coat with a red scarf", "coat"): f"a man in {NEW} with a red scarf",
    ("a coat of green wool in a park", "coat"): f"{NEW} in a park",
    # several targets, several mentions, names of one thing, and things that aren't said
    ("a man in a jacket and a white shirt, park", "jacket, shirt"): f"a man in {NEW}, park",
    ("a woman in a coat", "jacket, coat"): f"a woman in {NEW}",
    ("a man in a jacket", "jacket, hoodie"): f"a man in {NEW}",
    ("jacket, shirt, park", "shirt, jacket"): f"{NEW}, park",
    ("a man in a coat and a woman in a green coat, park", "coat"): f"a man in {NEW} and a woman, park",
    ("in a blue jacket, and in an orange jacket", "orange jacket"): f"in a blue jacket, and in {NEW}",
    ("a man in a blue jacket", "orange jacket"): f"a man in {NEW}",
    ("a man in blue pants", "trousers"): f"a man in {NEW}",
    ("a man in a white tee", "t-shirt"): f"a man in {NEW}",
    ("a man in a shirt", "t-shirt"): f"a man in a shirt, wearing {NEW}",
    ("a man in a crop top", "tank top"): f"a man in a crop top, wearing {NEW}",
    ("a man in a jeans jacket", "jeans"): f"a man in a jeans jacket, wearing {NEW}",
    ("a man in coat-like shadows", "coat"): f"a man in coat-like shadows, wearing {NEW}",
    ("(a man", "coat"): f"(a man), wearing {NEW}",
    ("a man, ", "coat"): f"a man, wearing {NEW}",
    ("a man <lora:coat:0.8>", "coat"): f"a man <lora:coat:0.8>, wearing {NEW}",
    # BREAK
    ("a man in a green BREAK coat, park", "coat"): f"a man in a green BREAK {NEW}, park",
    ("a coat, park BREAK a green coat, sky", "coat"): f"{NEW}, park BREAK sky",
}


@pytest.mark.parametrize(("scene", "target"), SAID)
def test_the_new_garment_takes_the_old_ones_place_in_the_prompt(scene, target):
    assert dressed(scene, target, "a red hoodie", 1.2) == SAID[scene, target]


def test_a_weight_of_one_is_not_written_and_brackets_of_the_new_garment_end_with_it():
    assert dressed("a coat", "coat", "a dress", 1) == "a dress"
    assert dressed("a coat, park", "coat", "a dress (red", 1.2) == "(a dress (red):1.2), park"
    assert phrases(" jacket , , shirt") == ("jacket", "shirt")


OLD = st.builds(
    lambda article, adjectives, noun, look: [*article, *adjectives, noun, *look],
    st.sampled_from([["a"], ["an"], ["the"], ["his"], []]),
    st.lists(
        st.sampled_from(["green", "orange-brown", "Levi’s", "Wool", "slim-fit", "hell\u00adgrün", "old", "NAVY"]),
        max_size=3,
    ),
    st.sampled_from(["coat", "Coat", "coats"]),
    st.sampled_from([[], [], ["in", "green"], ["with", "gold", "buttons"]]),
)
BEFORE = st.sampled_from(["fashion photo of a man in", "portrait, a woman wearing", "a hat and", "street style,", ""])
BEHIND = st.sampled_from([", park", "and blue jeans, park", "with a red scarf", "", ", sunny , (rain", "in a park ]"])
WRAPS = st.lists(
    st.tuples(
        st.integers(0, 12), st.integers(1, 12), st.sampled_from([("(", ")"), ("[", "]"), ("(", ":1.3)"), ("(", "")])
    ),
    max_size=4,
)


def said(prompt):
    """Each word or sign of a prompt with its weight."""
    return [(word, part.weight) for part in parse(prompt) for word in re.findall(r"[^\s,]+|,", part.text)]


@settings(max_examples=200, deadline=None)
@given(BEFORE, OLD, BEHIND, WRAPS, st.sampled_from([1, 1.2, 0.5]))
def test_nothing_of_the_old_garment_is_left_and_all_else_keeps_its_weight(before, old, behind, wraps, weight):
    words = [*before.split(), *old, *behind.split()]
    start = len(before.split())
    pieces = [[word] for word in words]
    for first, length, (opening, closing) in wraps:  # some cross each other, or are never closed
        first = min(first, len(words) - 1)
        last = min(first + length, len(words)) - 1
        pieces[first].insert(0, opening)
        pieces[last].append(closing)
    scene = " ".join("".join(piece) for piece in pieces)
    words = said(scene)
    flat = [len(re.findall(r"[^\s,]+|,", word)) for word in [*before.split(), *old]]
    others = words[: sum(flat[:start])], words[sum(flat) :]
    garment = [(word, weight) for word in ("new", "dress")]
    assert said(dressed(scene, "coat", "new dress", weight)) == [*others[0], *garment, *others[1]]


@pytest.mark.parametrize(
    ("target", "to", "limbs"),
    [
        ("t-shirt", "a red hoodie", ("arms",)),
        ("hoodie", "a white t-shirt", ()),
        ("shorts", "blue jeans", ("legs",)),
        ("denim skirt", "black trousers", ("legs",)),
        ("dress", "a long coat", ("arms",)),
        ("shirt", "a jacket", ()),
        ("bag", "a red bag", ()),
        ("tee", "a t-shirt", ()),
        ("T-Shirts", "red hoodies", ("arms",)),
    ],
)
def test_limbs_that_will_be_covered_are_known(target, to, limbs):
    assert bared(target, to) == limbs
