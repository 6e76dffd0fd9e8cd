"""What mini/inpaint learns from: texts, and the parts of drawings that they are about."""

import pytest

from igo.mini.repaints import ENTRIES, drawn_repaints
from igo.mini.tokenizer import build_tokenizer
from igo.wardrobe import Part, captions, draw, sample, vocabulary

DRESSED = {"gender": "woman", "top": "jacket", "top_color": "red", "top_pattern": "plain", "bottom": "skirt"}
FULL = sample(3, **DRESSED, bottom_color="navy", bottom_pattern="striped", hat="cap", hat_color="blue", bag="tote")
BARE = sample(4, gender="woman", top="dress", top_color="green", top_pattern="plain", hat="none", bag="none")


@pytest.fixture(scope="module")
def repaints(tmp_path_factory):
    tokenizer = build_tokenizer(vocabulary())
    made = drawn_repaints(tmp_path_factory.mktemp("drawn"), [FULL, BARE], tokenizer, (64, 96))
    texts = tokenizer.batch_decode(made.tokens[:, 0].long(), skip_special_tokens=True)
    return made, [text.replace(" - ", "-") for text in texts]


def asked(repaints, row):
    made, texts = repaints
    return [
        (texts[int(made.asks[row, column])], int(made.members[row, column]))
        for column in range(ENTRIES)
        if made.weights[row, column] > 0
    ]


def test_every_garment_is_named_with_its_own_parts(repaints):
    found = dict(reversed(asked(repaints, 0)))
    assert len(asked(repaints, 0)) == ENTRIES
    assert found["a red jacket"] == 1 << Part.TOP | 1 << Part.INNER
    assert found["a striped navy skirt"] == 1 << Part.BOTTOM
    assert found["a blue cap"] == 1 << Part.HAT
    assert found[f"a {FULL.bag_color} tote"] == 1 << Part.BAG
    assert found[f"{FULL.shoes_color} {FULL.shoes}"] == 1 << Part.SHOES
    dress = asked(repaints, 1)
    assert ("a green dress", 1 << Part.TOP | 1 << Part.INNER) in dress
    assert not any("none" in text for text, _ in dress)


def test_captions_may_be_about_anything_in_the_picture(repaints):
    whole = [text for text, bits in asked(repaints, 0) if bits == 0]
    assert len(whole) == len(captions(FULL)) == 6


def test_masks_are_the_parts(repaints):
    made, _ = repaints
    column = next(column for column in range(ENTRIES) if int(made.members[0, column]) == 1 << Part.BOTTOM)
    mask = made.masks(made.labels[:1], made.members[:1, [column]])[0, 0].numpy()
    assert (mask == (draw(FULL, 64, 96).labels == Part.BOTTOM)).all()
    assert made.weights.sum(1).tolist() == pytest.approx([1, 1], abs=0.35)
