"""Prompts to measure a checkpoint with: balanced, always the same, for outfits that `mini` has not been shown."""

from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import product

from igo import wardrobe
from igo.errors import SettingsError
from igo.mini.pictures import balanced_figures
from igo.wardrobe import Figure, sample

LEADS = (
    "fashion photo of a {who} in {clothes}",
    "a {who} wearing {clothes}",
    "full body photo of a {who} in {clothes}",
)
SEED = 102_000_000
"""The first seed of the figures that the prompts describe; the judge learned from those below."""
SHOWN_PICTURES, SHOWN_SEED = 14_000, 0
"""What `mini` is trained on: that many ``balanced_figures`` of that seed."""
Outfit = tuple[str, str, str, str, str, str]


@dataclass(frozen=True)
class Wanted:
    """A prompt, and a figure as it asks for: what is not in the prompt is the figure's own."""

    prompt: str
    figure: Figure


def outfit(figure: Figure) -> Outfit:
    """What a prompt says of a figure."""
    return figure.gender, figure.top, figure.top_color, figure.bottom, figure.bottom_color, figure.background


def shown_outfits(pictures: int = SHOWN_PICTURES, seed: int = SHOWN_SEED) -> frozenset[Outfit]:
    """The outfits among the ``pictures`` that `mini` is trained on with ``seed``."""
    return frozenset(outfit(figure) for figure in balanced_figures(pictures, seed))


def balanced_prompts(count: int, shown: Set[Outfit] = frozenset()) -> list[Wanted]:
    """``count`` prompts for outfits that aren't in ``shown``; the first n are the same for every count from n up.

    Only dresses may be asked for as they were shown: they come in so few ways that all of them are. Tops come equally
    often, and so do bottoms (under the tops that they are worn with), colours and backgrounds, to within a few.
    A colour never stands for top and bottom at once: such a prompt could be met by painting everything in it. Raises
    ``SettingsError`` for a count below 1.
    """
    if count < 1:
        raise SettingsError(f"prompts is {count}; it must be at least 1")
    bottoms: Counter[str] = Counter()
    wanted = []
    for index in range(count):
        turn, kind = divmod(index, len(wardrobe.TOPS))
        choices = _bottoms(wardrobe.TOPS[kind])
        bottom = min(choices, key=lambda name: (bottoms[name], (choices.index(name) - turn) % len(choices)))
        bottoms[bottom] += 1
        ways = list(_ways(turn, kind, bottom))
        asked = next((way for way in ways if _as_outfit(way) not in shown), ways[0])
        figure = sample(SEED + index, **asked, top_pattern="plain", bottom_pattern="plain")
        wanted.append(Wanted(describe(figure, LEADS[index % len(LEADS)]), figure))
    return wanted


def _bottoms(top: str) -> tuple[str, ...]:
    if top == "dress":
        return ("none",)
    return ("jeans", "trousers") if top == "coat" else wardrobe.BOTTOMS


def _ways(turn: int, kind: int, bottom: str) -> Iterator[dict[str, str]]:
    """Ways to wear the garments: first the one whose turn it is, then others, in case that one has been shown."""
    colors, backgrounds = tuple(wardrobe.COLORS), wardrobe.BACKGROUNDS
    only_women = bottom in ("none", "skirt")
    genders = ("woman",) if only_women else wardrobe.GENDERS[:: 1 if (turn + kind) % 2 == 0 else -1]
    for later, place, gender in product(range(len(colors)), range(len(backgrounds)), genders):
        top_color = colors[(turn + 5 * kind) % len(colors)]
        others = [color for color in colors if color != top_color]
        bottom_color = "none" if bottom == "none" else others[(7 * turn + 3 * kind + later) % len(others)]
        background = backgrounds[(turn + kind + turn // len(backgrounds) + place) % len(backgrounds)]
        yield {
            "gender": gender,
            "top": wardrobe.TOPS[kind],
            "top_color": top_color,
            "bottom": bottom,
            "bottom_color": bottom_color,
            "background": background,
        }


def _as_outfit(fixed: dict[str, str]) -> Outfit:
    return (
        fixed["gender"],
        fixed["top"],
        fixed["top_color"],
        fixed["bottom"],
        fixed["bottom_color"],
        fixed["background"],
    )


def describe(figure: Figure, lead: str) -> str:
    """The prompt that asks for a figure's clothes and background; ``lead`` is one of ``LEADS``."""
    top = f"{'an' if figure.top_color[0] in 'aeiou' else 'a'} {figure.top_color} {figure.top}"
    clothes = [top]
    if figure.bottom != "none":
        article = f"{'an' if figure.bottom_color[0] in 'aeiou' else 'a'} " if figure.bottom == "skirt" else ""
        clothes.append(f"{article}{figure.bottom_color} {figure.bottom}")
    return f"{lead.format(who=figure.gender, clothes=' and '.join(clothes))}, {figure.background} background"
