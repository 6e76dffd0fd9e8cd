"""`mini`'s tokenizer."""

import pytest

from igo.mini.tokenizer import build_tokenizer, learn_merges, words_of
from igo.training.data.export import write_tokenizer

CAPTIONS = ["fashion photo of a korean woman in a red hoodie and blue jeans, street background", "a Navy T-shirt, café"]


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(CAPTIONS)


def test_words_are_split_as_clip_splits_them():
    assert words_of(["A T-shirt, it's 42"]) == ["'s", ",", "-", "2", "4", "a", "it", "shirt", "t"]


def test_every_known_word_is_one_token(tokenizer):
    for word in words_of(CAPTIONS):
        assert (
            tokenizer.tokenize(word) == [word.encode().decode("latin-1") + "</w>"] or len(tokenizer.tokenize(word)) == 1
        )


def test_a_repeated_letter_merges_once():
    assert learn_merges(["aaaa"]) == [("a", "a"), ("a", "a</w>"), ("aa", "aa</w>")]


@pytest.mark.parametrize("text", ["zebra quilt", "한국 코트", "naïve 😀 x", "hoodies"])
def test_unknown_words_fall_back_to_bytes_and_come_back(tokenizer, text):
    numbers = tokenizer(text).input_ids
    assert numbers[0] == tokenizer.bos_token_id
    assert numbers.count(tokenizer.eos_token_id) == 1
    assert tokenizer.decode(numbers, skip_special_tokens=True).strip() == text


def test_long_captions_are_cut_to_77(tokenizer):
    assert len(tokenizer(" ".join(["red"] * 100), truncation=True).input_ids) == 77


def test_the_written_folder_gives_the_same_tokens(tokenizer, tmp_path):
    from transformers import CLIPTokenizer

    write_tokenizer(tokenizer, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "vocab.json",
        "merges.txt",
        "tokenizer_config.json",
        "special_tokens_map.json",
    }
    again = CLIPTokenizer.from_pretrained(tmp_path)
    assert again.model_max_length == 77
    assert again.pad_token_id == again.eos_token_id == tokenizer.eos_token_id
    for text in (*CAPTIONS, "zebra 한국", ""):
        assert again(text).input_ids == tokenizer(text).input_ids
