"""Where Apple's schema says otherwise than Apple's own words, the words count. Applied to what the files hold.

A key that is required in the schema and has an alternative in prose is optional here; which of them must be there is
a rule of profiles.lint. A per-app VPN has the keys of a VPN, which its file leaves out.
"""

from profiles.catalogue.entries import Kind

# slug -> names of keys, at any depth, that are not always required.
_NOT_ALWAYS = {
    "tcc-configuration-profile-policy": {"Allowed"},
    "xsan": {"sanConfigURLs", "fsnameservers", "sharedSecret"},
}
# slug -> the entry whose keys it has too.
_HAS_TOO = {"vpn-managed-applayer": "vpn-managed"}


def corrected(kind: Kind, rows: list[dict]) -> list[dict]:
    """Return the rows of a data file as they count."""
    if kind is not Kind.PAYLOAD:
        return rows
    by_slug = {row["slug"]: row for row in rows}
    return [_corrected(row, by_slug) for row in rows]


def _corrected(row: dict, by_slug: dict[str, dict]) -> dict:
    keys = row.get("keys", ())
    names = _NOT_ALWAYS.get(row["slug"])
    if names:
        keys = [
            [depth, name, facts | {"presence": "optional"} if name in names else facts] for depth, name, facts in keys
        ]
    other = by_slug.get(_HAS_TOO.get(row["slug"], ""))
    if other:
        keys = [*keys, *_without(other.get("keys", ()), {name for depth, name, _ in keys if depth == 0})]
    return row | {"keys": keys} if keys else row


def _without(keys, names: set[str]) -> list:
    """Return rows of keys, without the outermost ones of these names and all below them."""
    kept, is_left_out = [], False
    for depth, name, facts in keys:
        if depth == 0:
            is_left_out = name in names
        if not is_left_out:
            kept.append([depth, name, facts])
    return kept
