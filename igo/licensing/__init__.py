"""What weights may be used for, as far as their cards, or they themselves, say: read without loading them.

`stated` reads it, of a folder or a file; `Runtime.permit` reads it too, and refuses where it must not be.
"""

from igo.licensing.cards import CARD, SIDECAR, UNSTATED, License, stated
from igo.licensing.fetching import Permit, fetch, license_of, permit_all
from igo.licensing.terms import allows_commercial_use

__all__ = [
    "CARD",
    "SIDECAR",
    "UNSTATED",
    "License",
    "Permit",
    "allows_commercial_use",
    "fetch",
    "license_of",
    "permit_all",
    "stated",
]
