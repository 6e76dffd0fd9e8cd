"""What a check finds."""

from __future__ import annotations

from igo.errors import IGOError


class ConformanceError(IGOError, AssertionError):
    """A rule that a plugin breaks: ``rule`` is its name, ``seen`` what the plugin did, ``remedy`` what to do."""

    def __init__(self, rule: str, seen: str, remedy: str) -> None:
        super().__init__(f"the rule '{rule}' is broken: {seen}; {remedy}")
        self.rule, self.seen, self.remedy = rule, seen, remedy
