"""Replacing the rows of many devices' lists by what they told, in one statement."""

import json
from collections.abc import Sequence

from django.db import connection, models

# Both halves see the state before the statement and touch different rows. A row that is told as it is already known
# is left out before the insertion (by one probe of the unique index): ON CONFLICT would lock it, which is a write too.
# The order of insertion is that of the key, as in every other batch. NOT IN, because it is hashed over the whole key;
# NOT EXISTS was seen to be merged over the device alone, 400 x 400 comparisons for each. No column of a key is null.
_REPLACE = """
WITH told AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS t({typed})
), gone AS (
    DELETE FROM {table} a WHERE a.{owner} = ANY(%s)
      AND ({row_key}) NOT IN (SELECT {told_key} FROM told t)
    RETURNING a.{owner}
), written AS (
    INSERT INTO {table} ({names}) SELECT {names} FROM told t
    WHERE NOT EXISTS (SELECT 1 FROM {table} a WHERE ({told_key}) = ({row_key})
                      AND ({row_values}) IS NOT DISTINCT FROM ({told_values}))
    ORDER BY {key}
    ON CONFLICT ({key}) DO UPDATE SET {assignments}
    RETURNING {owner}
)
SELECT {owner} FROM gone UNION SELECT {owner} FROM written"""


def replace_rows(
    model: type[models.Model],
    rows: Sequence[dict],
    *,
    key: Sequence[str],
    replaced: Sequence[int],
    with_change: Sequence[str] = (),
    at_first: Sequence[str] = (),
) -> set[int]:
    """Write rows by their unique key, whose first column is the owner; delete what else the ``replaced`` owners had.

    Return the owners of which a row was written or deleted.

    Values are in terms of JSON (`hex_bytes` for bytes, ISO dates), all rows have the same columns. Those of
    ``with_change`` are written along but are no change by themselves; those of ``at_first`` are set in new rows only.
    """
    if not rows:
        number = model.objects.filter(**{f"{key[0]}__in": replaced}).delete()[0] if replaced else 0
        return set(replaced) if number else set()
    unique = {tuple(row[column] for column in key): row for row in rows}
    with connection.cursor() as cursor:
        sql = _statement(model, tuple(rows[0]), tuple(key), tuple(with_change), tuple(at_first))
        cursor.execute(sql, [json.dumps(list(unique.values())), list(replaced)])
        return {owner for (owner,) in cursor.fetchall()}


def hex_bytes(value: bytes) -> str:
    """Bytes as PostgreSQL reads them from JSON."""
    return "\\x" + value.hex()


def _statement(model, columns: tuple, key: tuple, with_change: tuple, at_first: tuple) -> str:
    quote = connection.ops.quote_name
    types = {field.column: _column_type(field) for field in model._meta.concrete_fields}
    values = [column for column in columns if column not in (*key, *with_change, *at_first)]
    return _REPLACE.format(
        table=quote(model._meta.db_table),
        owner=quote(key[0]),
        typed=", ".join(f"{quote(column)} {types[column]}" for column in columns),
        told_key=", ".join(f"t.{quote(column)}" for column in key),
        row_key=", ".join(f"a.{quote(column)}" for column in key),
        names=", ".join(map(quote, columns)),
        key=", ".join(map(quote, key)),
        assignments=", ".join(f"{quote(column)} = excluded.{quote(column)}" for column in (*values, *with_change)),
        row_values=", ".join(f"a.{quote(column)}" for column in values),
        told_values=", ".join(f"t.{quote(column)}" for column in values),
    )


def _column_type(field) -> str:
    return field.cast_db_type(connection) if not field.is_relation else field.rel_db_type(connection)
