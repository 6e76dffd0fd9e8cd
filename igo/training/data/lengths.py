"""How long captions are. Painting reads prompts of any length, in chunks; training reads one chunk of each caption."""

import re
from collections.abc import Sequence
from typing import Any

from rich.console import Console

_WORDS = re.compile(r"[^\W\d_]+|\d|[^\w\s]+|_+")
"""What CLIP's tokenizers never join into one token."""


def least_tokens(text: str) -> int:
    """How many tokens a caption has at least, by whatever vocabulary."""
    return len(_WORDS.findall(text))


def tell_cut(tokenizer: Any, captions: Sequence[str]) -> None:
    """Say on standard error how many captions the model of ``tokenizer`` reads the beginning of alone, if there are."""
    longest = tokenizer.model_max_length
    different = list(dict.fromkeys(captions))
    counts = [len(tokens) for tokens in tokenizer(different, verbose=False).input_ids] if different else []
    cut = sum(count > longest for count in counts)
    if cut:
        Console(stderr=True, soft_wrap=True).print(
            f"{cut} of {len(different)} captions have more than {longest - 2} tokens: what comes after has no effect "
            "in training, though painting reads all of a prompt; shorten them",
            markup=False,
            highlight=False,
        )
