"""Files of users: what is in them, texts in, whatever saved them; files out, whole or not at all."""

from igo.files.regular import check_regular
from igo.files.texts import text_of
from igo.files.writing import (
    at_home,
    check_file,
    check_folder,
    reason,
    refusing,
    write_folder,
    write_whole,
    writing_whole,
)

__all__ = [
    "at_home",
    "check_file",
    "check_folder",
    "check_regular",
    "reason",
    "refusing",
    "text_of",
    "write_folder",
    "write_whole",
    "writing_whole",
]
