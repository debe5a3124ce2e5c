"""Makes trees of keys from the rows of the data files, with effective support from the outside in."""

from collections.abc import Mapping
from types import MappingProxyType

from profiles.catalogue.keys import Key, Path, Role, Type
from profiles.catalogue.support import Support, overlay

ITEM_PART = "[]"
ANY_PART = "*"


def build_keys(rows, support: Mapping[str, Support]) -> tuple[Key, ...]:
    """Make the tree of keys from the rows of a data file: depth, name, facts, in the order outer before inner."""
    return tuple(_build(node, support, (), []) for node in _nest(rows))


def paths_of(rows) -> list[Path]:
    """Return the path of each row, as Key has it, without making keys."""
    paths: list[Path] = []
    _collect_paths(_nest(rows), (), "", paths)
    return paths


def _collect_paths(nodes: list, above: Path, above_type: str, paths: list[Path]) -> None:
    for name, facts, below in nodes:
        path = (*above, _part(name, _role(name, above_type, len(nodes))))
        paths.append(path)
        _collect_paths(below, path, facts["type"], paths)


def _nest(rows) -> list:
    nested: list = []
    levels = [nested]
    for depth, name, facts in rows:
        node = (name, facts, [])
        del levels[depth + 1 :]
        levels[depth].append(node)
        levels.append(node[2])
    return nested


def _build(node, inherited: Mapping[str, Support], path: Path, open_keys: list, above="", siblings=1) -> Key:
    """Make a key and all below it. ``open_keys``: those that wait for an ancestor whose subkeys are theirs too."""
    name, facts, below = node
    stated = facts.get("os", {})
    role = _role(name, above, siblings)
    support = overlay(inherited, stated)
    path = (*path, _part(name, role))
    children = [_build(child, support, path, open_keys, facts["type"], len(below)) for child in below]
    choices = tuple(child for child in children if child.role is Role.CHOICE)
    is_required = facts.get("presence") == "required"
    key = Key(
        name=name,
        path=path,
        type=Type(facts["type"]),
        role=role,
        support=support,
        stated=MappingProxyType(stated),
        is_required=is_required,
        is_always_required=is_required and not _narrows(inherited, support),
        default=facts.get("default"),
        allowed=tuple(facts.get("allowed", ())) or tuple(choice.name for choice in choices),
        range=tuple(facts["range"]) if "range" in facts else None,
        repetition=tuple(facts["repetition"]) if "repetition" in facts else None,
        format=facts.get("format", ""),
        subtype=facts.get("subtype", ""),
        structure=facts.get("structure", ""),
        combine=facts.get("combine", ""),
        asset_types=tuple(facts.get("assets", ())),
        asset_content_types=tuple(facts.get("asset_content", ())),
        subkeys=tuple(child for child in children if child.role is not Role.CHOICE),
        choices=choices,
    )
    for waiting in [pair for pair in open_keys if pair[0] == len(path) - 1]:
        open_keys.remove(waiting)
        object.__setattr__(waiting[1], "recursion", key)
    if "recursion" in facts:
        open_keys.append((facts["recursion"], key))
    return key


def _role(name: str, above: str, siblings: int) -> Role:
    if above == Type.ARRAY:
        return Role.ITEM if siblings == 1 else Role.VARIANT
    if above == Type.STRING:
        return Role.CHOICE
    return Role.ANY if name == "ANY" or name.startswith("ANY ") else Role.MEMBER


def _part(name: str, role: Role) -> str:
    return {Role.ITEM: ITEM_PART, Role.VARIANT: f"[{name}]", Role.ANY: ANY_PART}.get(role, name)


# Differences that leave a required key required: it may be there, and nothing lets it be absent.
_HARMLESS = ("introduced", "deprecated", "access_rights", "allows_multiple", "allows_manual_install", "is_beta")


def _narrows(outer: Mapping[str, Support], inner: Mapping[str, Support]) -> bool:
    """Say whether a key is missing somewhere where what contains it is used, by platform, enrollment or channel."""
    if outer is inner:
        return False

    def bounds(support: Support | None) -> dict:
        facts = support.facts() if support else {}
        return {name: value for name, value in facts.items() if name not in _HARMLESS}

    return any(
        bounds(support) != bounds(outer.get(system))
        for system, support in inner.items()
        if system not in outer or not outer[system].is_absent
    )
