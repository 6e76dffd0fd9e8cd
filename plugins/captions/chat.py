"""Chat templates of models, rendered in a process of their own: they are programs of strangers, which transformers runs
without limits on time and memory. This file is also what that process runs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

SECONDS = 5
"""Of the processor. Templates take milliseconds."""
WAITED = 60
"""Seconds in all, on a machine that is busy."""
MEMORY = 2**30
"""Bytes."""
LONGEST = 100_000
"""Characters."""


def rendered(template: str, messages: list[dict[str, Any]], variables: dict[str, Any]) -> str:
    """What a template makes of a conversation. Raises ``ValueError`` for one that fails, or takes too much."""
    limits = {"seconds": SECONDS, "memory": MEMORY, "longest": LONGEST}
    given = json.dumps({"template": template, "messages": messages, "variables": variables, "limits": limits})
    try:
        done = subprocess.run(  # noqa: S603  our own interpreter and this file
            [sys.executable, "-P", __file__], input=given, capture_output=True, encoding="utf-8", timeout=WAITED
        )
    except subprocess.TimeoutExpired:
        raise ValueError("its chat template doesn't come to an end") from None
    if done.returncode:
        raise ValueError(f"its chat template takes more than {SECONDS} seconds or {MEMORY >> 20} MB")
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise ValueError(f"its chat template fails ({answer['error']})")
    text: str = answer["text"]
    return text


def literally(text: str) -> str:
    """A template that makes ``text`` of any conversation."""
    escaped = text.encode("unicode_escape").decode("ascii").replace("'", r"\'")
    return f"{{{{ '{escaped}' }}}}"


def _limit(seconds: int, memory: int) -> None:
    """Let this process take no more than is due to it from now on, where the system can."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds += int(used.ru_utime + used.ru_stime) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _main() -> None:
    given = json.load(sys.stdin)
    from transformers.utils.chat_template_utils import render_jinja_template

    limits = given["limits"]
    _limit(limits["seconds"], limits["memory"])
    answer = {}
    try:
        (text,), _ = render_jinja_template(
            [given["messages"]], chat_template=given["template"], add_generation_prompt=True, **given["variables"]
        )
        if len(text) > limits["longest"]:
            raise ValueError(f"{len(text)} characters; expected at most {limits['longest']}")
        answer["text"] = text
    except MemoryError:
        sys.exit(1)
    except Exception as error:
        answer["error"] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _main()
