"""Re-wrapping everything that is encrypted with the first of ENCRYPTION_KEYS, while the product runs.

Which columns those are is asked of the models: every binary column whose name ends in ``_encrypted``, so a new one
cannot be forgotten. Only the data key of a blob is wrapped anew; its content is not touched.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.apps import apps
from django.db import models

from mdm_project.crypto import CannotDecrypt, is_current, rewrap

BATCH = 1000
SUFFIX = "_encrypted"


@dataclass
class Progress:
    """What became of one column."""

    name: str
    seen: int = 0
    rewrapped: int = 0
    unreadable: list[object] = field(default_factory=list)


def encrypted_columns() -> list[tuple[type[models.Model], str]]:
    """Return every model with each of its encrypted columns."""
    return [
        (model, column.name)
        for model in apps.get_models()
        for column in model._meta.local_fields
        if column.name.endswith(SUFFIX) and isinstance(column, models.BinaryField)
    ]


def rotate_keys() -> Iterator[Progress]:
    """Yield the progress of each column when it is done. A second run finds little to do."""
    for model, column in encrypted_columns():
        yield _rotate(model, column)


def _rotate(model: type[models.Model], column: str) -> Progress:
    progress = Progress(f"{model._meta.label}.{column}")
    rows = model._base_manager.exclude(**{column: None}).order_by("pk")
    last = None
    while True:
        batch = rows.filter(pk__gt=last) if last is not None else rows
        found = list(batch.values_list("pk", column)[:BATCH])
        if not found:
            return progress
        for pk, blob in found:
            _rewrap(model, column, pk, bytes(blob), progress)
        last = found[-1][0]


def _rewrap(model, column: str, pk, blob: bytes, progress: Progress) -> None:
    progress.seen += 1
    if not blob or is_current(blob):
        return
    try:
        fresh = rewrap(blob)
    except CannotDecrypt:
        progress.unreadable.append(pk)
        return
    # Only if nobody has written another value meanwhile; that one is wrapped with the first key already.
    progress.rewrapped += model._base_manager.filter(pk=pk, **{column: blob}).update(**{column: fresh})
