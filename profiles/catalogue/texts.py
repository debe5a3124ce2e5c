"""Apple's descriptions, read from a checkout into this installation's database. They never ship with the product."""

from collections.abc import Iterator

from django.db import transaction

from profiles.catalogue.entries import Entry
from profiles.catalogue.reader import Schema
from profiles.catalogue.tree import paths_of
from profiles.models import CatalogueText

RESPONSE = "response:"
_BATCH = 2000


@transaction.atomic
def store_texts(schema: Schema) -> int:
    """Replace all descriptions by those of a checkout; returns how many there are."""
    CatalogueText.objects.all().delete()
    rows = [row for entry in schema.entries for row in _texts(entry, schema.documents[entry["file"]])]
    CatalogueText.objects.bulk_create(rows, batch_size=_BATCH)
    return len(rows)


def texts_of(entry: Entry) -> dict[str, CatalogueText]:
    """Return Apple's words by key path, "" for the entry itself; {} where no checkout was imported."""
    return {text.key_path: text for text in CatalogueText.objects.filter(kind=entry.kind, slug=entry.slug)}


def _texts(entry: dict, document: dict) -> Iterator[CatalogueText]:
    known = {"kind": entry["kind"], "slug": entry["slug"]}
    paragraphs = (document.get("description"), document["payload"].get("content"))
    text = "\n\n".join(filter(None, paragraphs))
    title = document.get("title") or ""
    if title or text:
        yield CatalogueText(key_path="", title=title, text=text, **known)
    for source, part, prefix in (("payloadkeys", "keys", ""), ("responsekeys", "response", RESPONSE)):
        found: dict[str, dict] = {}
        pairs = zip(paths_of(entry.get(part, ())), _in_order(document.get(source) or (), ()), strict=True)
        for path, key in pairs:
            found.setdefault(".".join(path), key)
        for path, key in found.items():
            if key.get("title") or key.get("content"):
                words = {"title": key.get("title") or "", "text": key.get("content") or ""}
                yield CatalogueText(key_path=prefix + path, **words, **known)


def _in_order(keys: list, owners: tuple) -> Iterator[dict]:
    """Yield keys in the order of the rows: outer before inner, lists that hold themselves once."""
    for key in keys:
        yield key
        below = key.get("subkeys")
        if below and not any(owner is below for owner in owners):
            yield from _in_order(below, (*owners, below))
