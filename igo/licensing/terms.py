"""Which licences of weights allow commercial use, by the identifiers of SPDX and of model hubs.

Nobody's legal advice: what is allowed here is allowed in general, on conditions that each licence has of its own; the
OpenRAIL licences, for one, rule out some uses.
"""

from __future__ import annotations

import re

_VERSIONS = ("2.0", "2.5", "3.0", "4.0")
_CREATIVE_COMMONS = {f"cc-by{kind}-{version}" for kind in ("", "-sa", "-nd") for version in _VERSIONS}
ALLOWING = frozenset(
    {
        *("apache-2.0", "mit", "mit-0", "bsd", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "0bsd", "isc"),
        *("zlib", "unlicense", "wtfpl", "bsl-1.0", "ms-pl", "ncsa", "postgresql", "afl-3.0", "artistic-2.0", "ecl-2.0"),
        *("openrail", "openrail++", "creativeml-openrail-m", "bigscience-openrail-m", "bigcode-openrail-m"),
        *("bigscience-bloom-rail-1.0", "open-mdw", "cc0-1.0", "pddl", "odc-by", "odbl", "ofl-1.1", "etalab-2.0"),
        *("cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0", *_CREATIVE_COMMONS),
        *("gpl", "gpl-2.0", "gpl-3.0", "lgpl", "lgpl-2.1", "lgpl-3.0", "agpl-3.0", "mpl-2.0", "epl-1.0", "epl-2.0"),
        *("eupl-1.1", "eupl-1.2", "osl-3.0", "lppl-1.3c", "gfdl"),
    }
)
"""Identifiers of licences under which weights may be used commercially."""
_FORBIDDING = frozenset({"nc", "noncommercial", "research", "academic", "evaluation", "nscl", "personal"})
"""Words in a licence's name, none of which one has that allows commercial use."""
_NAMES = frozenset({"deepfloyd-if-license", "deepfloyd-if", "nvidia-source-code", "nvidia-segformer", "apple-amlr"})
"""Names of licences that forbid it without such a word."""
_SYNONYMS = {
    "apache-2": "apache-2.0",
    "apache2.0": "apache-2.0",
    "apache2": "apache-2.0",
    "apache-version-2.0": "apache-2.0",
    "cc0": "cc0-1.0",
    "bsd-3": "bsd-3-clause",
    "bsd-2": "bsd-2-clause",
    "gplv3": "gpl-3.0",
    "gplv2": "gpl-2.0",
    "agplv3": "agpl-3.0",
    "public-domain": "unlicense",
    "openrail-m": "openrail",
    "creativeml-openrail": "creativeml-openrail-m",
    "creativeml-openrail++-m": "openrail++",
    "openrail++-m": "openrail++",
}
"""What people write for the identifiers, lower-case and with dashes."""
_LONGEST = 200
"""Characters of a licence's name."""


def allows_commercial_use(name: str) -> bool | None:
    """Whether a licence, by its identifier, allows commercial use of what it is for; None where that isn't known.

    Of several with AND or a comma between them all must; of several with OR one. "other" with a name of its own, in
    parentheses, is never known to allow it.
    """
    if len(name) > _LONGEST:
        return None
    own = re.fullmatch(r"other \((.*)\)", name)
    if own:
        return False if _known(own[1]) is False else None
    if any(mark in name for mark in "()"):
        return None
    choices = [
        [_known(part) for part in re.split(r"\s+and\s+|,", choice, flags=re.IGNORECASE)]
        for choice in re.split(r"\s+or\s+", name, flags=re.IGNORECASE)
    ]
    answers = [False if False in parts else None if None in parts else True for parts in choices]
    return True if True in answers else None if None in answers else False


def _known(name: str) -> bool | None:
    """The same of one licence."""
    words = re.sub(r"[^a-z0-9.+]+", "-", name.lower()).strip("-")
    words = words.replace("non-commercial", "noncommercial").replace("open-rail", "openrail")
    if words in _NAMES or words.removesuffix("-license") in _NAMES:
        return False
    plain = re.sub(r"(?:^the-|-?\blicen[sc]e\b)", "", words).strip("-")
    plain = re.sub(r"(\d)-(?:only|or-later)$", r"\1", plain)
    if _SYNONYMS.get(plain, plain) in ALLOWING:
        return True
    return False if _FORBIDDING & set(words.split("-")) or plain in _NAMES else None
