import pytest
from hypothesis import given
from hypothesis import strategies as st

from igo.errors import PromptError
from igo.painting.prompts.chunks import Token, TokenPlan, TokenReport, plan_chunks, plan_truncated, window
from igo.painting.prompts.syntax import BREAK, Fragment, parse

COMMA = 0


def tokenize(text):
    """One token a word or comma; a word's id is its own, repeatable number."""
    words = text.replace(",", " , ").split()
    return [(COMMA if word == "," else 1 + sum(map(ord, word)), word) for word in words]


def plan(text, **settings):
    return plan_chunks(parse(text), tokenize, comma_id=COMMA, **settings)


def words(count):
    return " ".join(["w"] * count)


@pytest.mark.parametrize(
    ("prompt", "counts"),
    [
        ("", (0,)),
        (words(75), (75,)),
        (words(76), (75, 1)),
        (words(151), (75, 75, 1)),
        (f"{words(60)}, {words(20)}", (61, 20)),
        (f"{words(50)}, {words(40)}", (75, 16)),
        ("a BREAK b BREAK c", (1, 1, 1)),
        (f"{words(55)}, {words(19)} end", (56, 20)),  # the comma is the 20th token from the chunk's end
        (f"{words(54)}, {words(20)} end", (75, 1)),  # the 21st
        (f"{words(74)}, end", (75, 1)),
        (f"{words(60)}, {words(14)}, end", (75, 2)),  # the 76th token is a comma itself
        (f"{words(60)}, {words(14)}", (75,)),  # nothing follows: nothing moves
        (f"{words(60)}, {words(80)}", (61, 75, 5)),  # the same comma is not gone back to twice
        ("BREAK a", (0, 1)),
        ("a BREAK", (1,)),
        ("a BREAK BREAK b", (1, 0, 1)),
    ],
)
def test_counts(prompt, counts):
    assert plan(prompt).counts == counts


def test_backtracking_can_be_turned_off():
    assert plan(f"{words(60)}, {words(20)}", backtrack=0).counts == (75, 6)


def test_each_token_carries_its_fragments_weight_into_the_next_chunk():
    found = plan(f"{words(70)} (x y, z q r s t:1.3) u")
    assert found.counts == (73, 6)
    assert [(token.text, token.weight) for token in found.chunks[0][70:]] == [("x", 1.3), ("y", 1.3), (",", 1.3)]
    assert [token.weight for token in found.chunks[1]] == [1.3] * 5 + [1]


def test_each_fragment_is_tokenised_by_itself():
    asked = []
    plan_chunks(parse("un(believ)able BREAK x"), lambda text: asked.append(text) or [], comma_id=COMMA)
    assert asked == ["un", "believ", "able", "x"]


def test_an_infinite_weight_is_refused():
    with pytest.raises(PromptError, match="weight of inf; nest fewer"):
        plan("(" * 9_000 + "a")


def test_window_with_padding():
    tokens = (Token(5, "a", 1.3), Token(6, "b"))
    found = window(tokens, bos=1, eos=2, pad=0, chunk_length=4)
    assert found.ids == (1, 5, 6, 2, 0, 0)
    assert found.weights == (1, 1.3, 1, 1, 1, 1)
    assert found.mask == (1, 1, 1, 1, 0, 0)


def test_truncated_plan_counts_what_it_drops():
    found = plan_truncated(words(80) + " (x:1.3)", tokenize)
    assert found.counts == (75,)
    assert len(found.dropped) == 6
    assert str(found) == "75 tokens in 1 chunk, 6 tokens dropped"


def test_report_in_words():
    report = TokenReport(plan(words(133)), plan("a"))
    assert str(report) == (
        "prompt: 133 tokens in 2 chunks (75 + 58), nothing dropped\n"
        "negative prompt: 1 token in 1 chunk, nothing dropped"
    )
    assert str(TokenReport(TokenPlan(((),)), None)).endswith("negative prompt: not encoded")


FRAGMENTS = st.lists(
    st.builds(
        Fragment,
        st.lists(st.sampled_from(["a", "bb", ",", ",", "ccc"]), max_size=60).map(" ".join),
        st.sampled_from([0.5, 1.0, 1.3]),
    )
    | st.just(BREAK),
    max_size=12,
)


@given(FRAGMENTS, st.integers(1, 75), st.integers(0, 30))
def test_no_token_is_lost(fragments, chunk_length, backtrack):
    found = plan_chunks(fragments, tokenize, comma_id=COMMA, chunk_length=chunk_length, backtrack=backtrack)
    assert found.chunks
    assert max(found.counts) <= chunk_length
    assert not found.dropped
    wanted = [Token(number, text, part.weight) for part in fragments for number, text in tokenize(part.text)]
    assert [token for chunk in found.chunks for token in chunk] == wanted


@pytest.mark.parametrize(
    ("before", "length", "counts"),
    [
        (3, 4, (7,)),
        (8, 4, (8, 4)),  # 8 and 4 are more than 10
        (6, 4, (10,)),
        (7, 3, (10,)),
        (9, 2, (9, 2)),
        (0, 10, (10,)),
        (5, 10, (5, 10)),
        (0, 12, (10, 2)),  # more than a chunk
    ],
)
def test_what_follows_is_never_parted_from_what_it_follows(before, length, counts):
    ids = [*range(100, 100 + before), *range(500, 500 + length)]
    found = plan_chunks(
        [Fragment("a")],
        lambda _: [(one, str(one)) for one in ids],
        comma_id=COMMA,
        follows=range(501, 500 + length),
        chunk_length=10,
    )
    assert found.counts == counts
    assert [token.id for chunk in found.chunks for token in chunk] == ids
