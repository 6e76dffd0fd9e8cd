"""Quantities as people read them: bytes and seconds."""

from __future__ import annotations


def size(count: float) -> str:
    """Bytes, in units of a thousand: ``"812 bytes"``, ``"31 kB"``, ``"1.4 MB"``, ``"207 GB"``."""
    units = ["GB", "MB", "kB", "bytes"]
    while count >= 999.5 and len(units) > 1:
        units.pop()
        count /= 1000
    return f"{count:.1f} {units[-1]}" if count < 9.95 and len(units) < 4 else f"{count:,.0f} {units[-1]}"


def duration(seconds: float) -> str:
    """Seconds, no more exactly than there is use for: ``"3.2 s"``, ``"45 s"``, ``"12 min"``, ``"3 h 5 min"``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 89.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
