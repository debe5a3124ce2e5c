"""Texts as they are compared when somebody searches: without accents and capitals, with plain apostrophes and hyphens.

The database has the same rule as the function ``folded_text`` (migration 0011), which fills the columns that
devices.search looks in. It rests on Unicode's own decomposition and not on a dictionary, so that what is indexed never
changes by itself.
"""

import unicodedata

# What people type on a keyboard, for what Apple and word processors write.
_PLAIN = str.maketrans("\u2018\u2019\u02bc\u2032\u2010\u2011\u2012\u2013\u2014\u2212øØłŁđĐıħĦ", "''''------oOlLdDihH")
_LONG = (("ß", "ss"), ("ẞ", "ss"), ("æ", "ae"), ("Æ", "ae"), ("œ", "oe"), ("Œ", "oe"))
_FIRST_MARK, _LAST_MARK = "\u0300", "\u036f"


def fold(text: str) -> str:
    """Return a text in the form in which it is compared."""
    for letter, letters in _LONG:
        text = text.replace(letter, letters)
    decomposed = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return "".join(each for each in decomposed if not _FIRST_MARK <= each <= _LAST_MARK).lower()
