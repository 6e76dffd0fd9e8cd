"""Batches: a table of requests, painted to the end, whatever happens in between.

`read_plan` reads the table, `run` and `stream` paint it into a folder, `read_journal` tells of each row what became of
it, and `write_report` shows that. torch, pyarrow and Ray are imported when they are needed, and not before.
"""

from igo.batch.batch import run, stream
from igo.batch.folder import plan_of
from igo.batch.journal import read_journal
from igo.batch.naming import JOURNAL, REPORT
from igo.batch.plan import Plan, Row, read_plan
from igo.batch.report import Report, write_report
from igo.batch.result import Result, Summary

__all__ = [
    "JOURNAL",
    "REPORT",
    "Plan",
    "Report",
    "Result",
    "Row",
    "Summary",
    "plan_of",
    "read_journal",
    "read_plan",
    "run",
    "stream",
    "write_report",
]
