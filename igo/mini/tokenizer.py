"""`mini`'s tokenizer: byte-pair encoding in CLIP's own format, trained until every known word is one token."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from transformers import CLIPTokenizer

from igo.mini.architecture import MAX_TOKENS

START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
# CLIP's split of a caption into words: contractions, letters, single digits, runs of anything else.
SPLIT = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|[^\s\w]+|_+", re.IGNORECASE)

Pair = tuple[str, str]


def words_of(captions: Iterable[str]) -> list[str]:
    """The distinct lower-case words of ``captions``, as CLIP splits them ("t-shirt" is three), sorted."""
    return sorted({word for caption in captions for word in SPLIT.findall(caption.lower())})


def byte_letters() -> dict[int, str]:
    """A printable letter for every byte, as in GPT-2's byte-level BPE (Radford et al., Language Models are
    Unsupervised Multitask Learners): printable bytes stand for themselves, the others for code points from 256 up."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(hidden)}


def learn_merges(words: Iterable[str]) -> list[Pair]:
    """Byte-pair merges (Sennrich et al., Neural Machine Translation of Rare Words with Subword Units), most frequent
    pair first and ties in alphabetical order, until every one of ``words`` is a single token."""
    letters = byte_letters()
    pieces = []
    for word in words:
        spelt = [letters[byte] for byte in word.encode()]
        pieces.append([*spelt[:-1], spelt[-1] + WORD_END])
    merges: list[Pair] = []
    while counts := Counter(pair for parts in pieces for pair in pairwise(parts)):
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        pieces = [_merged(parts, best) for parts in pieces]
    return merges


def _merged(parts: list[str], pair: Pair) -> list[str]:
    result: list[str] = []
    position = 0
    while position < len(parts):
        if tuple(parts[position : position + 2]) == pair:
            result.append("".join(pair))
            position += 2
        else:
            result.append(parts[position])
            position += 1
    return result


def build_tokenizer(captions: Iterable[str]) -> CLIPTokenizer:
    """A tokenizer that knows each word of ``captions`` as one token and spells all others in bytes."""
    merges = learn_merges(words_of(captions))
    letters = byte_letters().values()
    tokens = [*letters, *(letter + WORD_END for letter in letters), *("".join(pair) for pair in merges), START, END]
    with TemporaryDirectory() as name:
        folder = Path(name)
        vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
        (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
        lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
        (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder, model_max_length=MAX_TOKENS)
    return tokenizer
