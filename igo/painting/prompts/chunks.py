"""From fragments to the chunks of 75 tokens that a CLIP text encoder can read, and the account of them.

CLIP reads windows of 77 tokens: BOS, 75 tokens, EOS. A longer prompt is cut into chunks that are encoded one by one
and joined, as AUTOMATIC1111's web UI does it: a chunk that would end in the middle of a phrase ends at the comma before
it instead, if that lies at most 20 tokens back. No token is dropped.
"""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from igo.errors import PromptError
from igo.painting.prompts.syntax import Fragment

CHUNK_LENGTH = 75
BACKTRACK = 20

Tokenize = Callable[[str], Iterable[tuple[int, str]]]
"""Text to (id in the vocabulary, the token as the vocabulary writes it), without BOS, EOS and padding."""


@dataclass(frozen=True)
class Token:
    """One token of a prompt, and its weight (1 = as it is)."""

    id: int
    text: str
    weight: float = 1.0


Chunk = tuple[Token, ...]
"""Up to ``CHUNK_LENGTH`` tokens, without BOS, EOS and padding. An empty one is what an empty prompt encodes to."""


@dataclass(frozen=True)
class TokenPlan:
    """Where each token of one prompt goes: at least one chunk, and, if it was cut off at 77, what was dropped."""

    chunks: tuple[Chunk, ...]
    dropped: Chunk = ()

    @property
    def counts(self) -> tuple[int, ...]:
        """Tokens per chunk."""
        return tuple(len(chunk) for chunk in self.chunks)

    def __str__(self) -> str:
        where = "1 chunk"
        if len(self.chunks) > 1:
            where = f"{len(self.chunks)} chunks ({' + '.join(map(str, self.counts))})"
        lost = f"{_tokens(len(self.dropped))} dropped" if self.dropped else "nothing dropped"
        return f"{_tokens(sum(self.counts))} in {where}, {lost}"


@dataclass(frozen=True)
class TokenReport:
    """How the text of one picture was read. ``str()`` gives it in two lines.

    The chunks are the texts' own; the empty ones that make both equally long are not among them. Where a checkpoint has
    two tokenizers, the plans are the first one's.
    """

    prompt: TokenPlan
    negative_prompt: TokenPlan | None
    """None where there was no negative prompt to encode: no guidance, or zeros in its place."""

    def __str__(self) -> str:
        return f"prompt: {self.prompt}\nnegative prompt: {self.negative_prompt or 'not encoded'}"


def plan_chunks(
    fragments: Iterable[Fragment],
    tokenize: Tokenize,
    *,
    comma_id: int | None = None,
    follows: Collection[int] = (),
    chunk_length: int = CHUNK_LENGTH,
    backtrack: int = BACKTRACK,
) -> TokenPlan:
    """Fill chunks with the tokens of each fragment, tokenised by itself.

    A break ends the chunk, be it empty or not. When the chunk is full, the next token is no comma, and one of the
    chunk's last ``backtrack`` tokens is a comma (``comma_id``), then what follows that comma moves to the next chunk.
    Tokens in ``follows`` (an embedding's vectors after the first) go where the token before them goes, unless they are
    more than a chunk.

    Raises ``PromptError`` for a weight that is not finite.
    """
    chunks: list[Chunk] = []
    tokens: list[Token] = []
    behind_comma = 0  # how many of the tokens stand up to and with the last comma
    for fragment in fragments:
        if fragment.is_break:
            chunks.append(tuple(tokens))
            tokens, behind_comma = [], 0
            continue
        if not math.isfinite(fragment.weight):
            raise PromptError(
                f"the brackets around '{_shortened(fragment.text)}' multiply to a weight of {fragment.weight}; "
                "nest fewer of them"
            )
        for token_id, text in tokenize(fragment.text):
            if len(tokens) == chunk_length:
                near = token_id != comma_id and behind_comma > 0 and chunk_length - behind_comma < backtrack
                cut = _uncut(tokens, token_id, behind_comma if near else chunk_length, follows)
                chunks.append(tuple(tokens[:cut]))
                tokens, behind_comma = tokens[cut:], 0
            tokens.append(Token(token_id, text, fragment.weight))
            if token_id == comma_id:
                behind_comma = len(tokens)
    if tokens or not chunks:
        chunks.append(tuple(tokens))
    return TokenPlan(tuple(chunks))


def _uncut(tokens: Sequence[Token], next_id: int, cut: int, follows: Collection[int]) -> int:
    """Where to cut instead, so that nothing is parted from the token that it follows."""
    ids = [*(token.id for token in tokens), next_id]
    start = cut
    while start > 0 and ids[start] in follows:
        start -= 1
    return start or cut


def plan_truncated(text: str, tokenize: Tokenize, *, chunk_length: int = CHUNK_LENGTH) -> TokenPlan:
    """The text as it is, brackets and all, in one chunk; the rest is dropped, and counted."""
    tokens = tuple(Token(token_id, token) for token_id, token in tokenize(text))
    return TokenPlan((tokens[:chunk_length],), dropped=tokens[chunk_length:])


@dataclass(frozen=True)
class Window:
    """A chunk as the text encoder takes it: three rows of ``chunk_length + 2`` numbers."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    """1 at BOS, EOS and padding."""
    mask: tuple[int, ...]
    """0 at padding. Only the few encoders whose config says ``use_attention_mask`` are given it."""


def window(chunk: Sequence[Token], *, bos: int, eos: int, pad: int, chunk_length: int = CHUNK_LENGTH) -> Window:
    """BOS, the chunk's tokens, EOS, and padding.

    The first tokenizer of a checkpoint pads with EOS; SDXL's second one and Stable Diffusion 2's with ``!`` (id 0).
    """
    length = len(chunk) + 2
    rest = chunk_length + 2 - length
    return Window(
        ids=(bos, *(token.id for token in chunk), eos, *(pad,) * rest),
        weights=(1.0, *(token.weight for token in chunk), 1.0, *(1.0,) * rest),
        mask=(1,) * length + (0,) * rest,
    )


def _tokens(count: int) -> str:
    return "1 token" if count == 1 else f"{count} tokens"


def _shortened(text: str, length: int = 40) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
