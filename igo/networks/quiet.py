"""Loading without a word of the libraries' own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quietly() -> Iterator[None]:
    """Without the progress bars, advice and warnings of diffusers' and transformers' loaders, such as a line for each
    layer that doesn't fit, or the alarm that the adapters before are "missing" from the file of one more: what matters
    is in our lines."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    libraries = (diffusers_logging, transformers_logging)
    before = [(logging, logging.get_verbosity(), logging.is_progress_bar_enabled()) for logging in libraries]
    for logging in libraries:
        logging.set_verbosity(logging.CRITICAL)
        logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logging, level, bar in before:
            logging.set_verbosity(level)
            if bar:
                logging.enable_progress_bar()
