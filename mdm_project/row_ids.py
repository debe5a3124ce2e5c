"""What can be the id of a row in an address or a form: digits, no more than a bigint has, and nothing that Python's int
would take besides (signs, blanks, underscores, digits of other scripts).
"""

MAX_DIGITS = 18


def is_row_id(text) -> bool:
    """Say whether a part of an address can be the id of a row."""
    text = str(text)
    return text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS


def row_id_of(text) -> int | None:
    """Return the id that a text is, None if it is none."""
    return int(text) if is_row_id(text) else None


def row_ids_of(texts) -> list[int]:
    """Return the ids among texts, in their order; what is no id is left out."""
    return [int(text) for text in texts if is_row_id(text)]
