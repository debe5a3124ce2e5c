"""Working on many rows at once without letting one bad row spoil the rest."""

import logging
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, transaction

logger = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")


def work_isolated(items: Sequence[T], work: Callable[[Sequence[T]], object]) -> list[tuple[T, Exception]]:
    """Do the work for all items in one savepoint; when it fails, halve until the items that cannot be done are alone.

    Returns those with their errors; what was done for the others stands. One bad item among n costs some log2(n)
    repetitions. Trouble with the database itself (lost connection, deadlock) is nobody's fault and is raised.
    """
    if not items:
        return []
    try:
        with transaction.atomic():
            work(items)
        return []
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one item must not stop the others
        if len(items) == 1:
            _log(work, error)
            return [(items[0], error)]
    middle = len(items) // 2
    return work_isolated(items[:middle], work) + work_isolated(items[middle:], work)


def judge_isolated(items: Iterable[T], judge: Callable[[T], R]) -> tuple[list[tuple[T, R]], list[tuple[T, Exception]]]:
    """Judge each item by itself, without the database; return the judgements, and the items that cannot be judged.

    Trouble with the database is raised: nothing is concluded from it.
    """
    judged, failed = [], []
    for item in items:
        try:
            judged.append((item, judge(item)))
        except DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            _log(judge, error)
            failed.append((item, error))
    return judged, failed


def _log(work: Callable, error: Exception) -> None:
    """Say where it happened, without the message: that may quote what the device said."""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s: %s\n%s", getattr(work, "__name__", work), type(error).__name__, where)
