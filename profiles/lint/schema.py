"""Lint against Apple's schema alone: types, values, required, unknown, deprecated and removed keys, with fixes."""

from collections.abc import Collection

from profiles import catalogue
from profiles.catalogue import Entry, Key, Problem, Type
from profiles.catalogue.keys import Role
from profiles.catalogue.nearness import nearest
from profiles.catalogue.validation import key_at
from profiles.content import Path
from profiles.lint.document import Document, Payload, places
from profiles.lint.findings import Fix, Level, Operation, Report, converted
from profiles.variables import uses

_LEVELS = {"error": Level.ERROR, "warning": Level.WARNING, "note": Level.NOTE}
# Errors that a variable explains: what stands for it is known when the profile is made for a device.
_ABOUT_VALUES = frozenset({"not_allowed", "form"})
# Checked by rules of their own, with better words.
_IDENTITY = frozenset({"PayloadUUID", "PayloadIdentifier", "PayloadType"})
_TYPE_WORDS = {
    Type.BOOLEAN: "Make it true or false",
    Type.INTEGER: "Make it a whole number",
    Type.REAL: "Make it a number",
    Type.STRING: "Make it text",
    Type.ARRAY: "Make it a list",
}


def check_schema(document: Document, known_variables: Collection[str], report: Report) -> None:
    """Report what the catalogue says of every payload and of the profile around them."""
    filled = {use.path for use in uses(document.values) if use.name in known_variables}
    _check_envelope(document, filled, report)
    for payload in document.payloads:
        if payload.entry is None:
            if payload.type:
                _report_unknown_type(payload, report)
            continue
        for problem in catalogue.validate(payload.entry, payload.values):
            if problem.path[-1:] and problem.path[0] in _IDENTITY:
                continue
            _report_problem(problem, payload.entry, payload.values, payload.path, filled, report, payload.about)
        _check_age(payload, report)


def _report_unknown_type(payload: Payload, report: Report) -> None:
    path = (*payload.path, "PayloadType")
    message = f"{payload.type} is not in Apple's schema, so nothing in it is checked."
    meant = nearest(payload.type, {entry.type for entry in catalogue.payload_types()})
    if meant is None:
        report.add(Level.NOTE, "unknown_type", path, message, **payload.about)
        return
    fix = Fix(Operation.SET, path, f"Write {meant}", meant)
    report.add(Level.WARNING, "unknown_type", path, f"{message} Did you mean {meant}?", fix=fix, **payload.about)


def _check_envelope(document: Document, filled: Collection[Path], report: Report) -> None:
    entry = catalogue.profile_envelope()
    skipped = _IDENTITY | {"PayloadContent", "ConsentText"}
    for problem in catalogue.validate(entry, document.values):
        # ConsentText is free by language; the schema writes a placeholder where names belong.
        if problem.path and problem.path[0] not in skipped:
            _report_problem(problem, entry, document.values, (), filled, report, {})


def _report_problem(
    problem: Problem, entry: Entry, values: dict, base: Path, filled: Collection[Path], report: Report, about: dict
) -> None:
    path = (*base, *problem.path)
    key = key_at(entry, values, problem.path)
    name = _name_of(problem.path) or entry.label
    if problem.code in _ABOUT_VALUES and path in filled:
        message = f"{name} is not checked, because it has a variable in it."
        report.add(Level.NOTE, "variable", path, message, **about)
        return
    fix = _fix_of(problem, key, entry, values, path)
    level, message = _LEVELS[problem.level], f"{name} {problem.message}."
    if problem.code == "unknown_key" and fix is not None:
        message = f"{message} Did you mean {fix.value}?"
    report.add(level, problem.code, path, message, fix=fix, **about)


def _name_of(path: Path) -> str:
    """Return the key's name, with the index where it is an item of a list."""
    names = [str(part) for part in path]
    at = max((index for index, part in enumerate(path) if isinstance(part, str)), default=0)
    return ".".join(names[at:])


def _fix_of(problem: Problem, key: Key | None, entry: Entry, values: dict, path: Path) -> Fix | None:
    if problem.code == "unknown_key":
        return _fix_of_name(problem, entry, values, path)
    if key is None:
        return None
    value = _value_at(values, problem.path)
    match problem.code:
        case "type" | "number_kind":
            new = converted(value, key.type)
            if new is not None and (not key.is_closed or new in key.allowed):
                return Fix(Operation.CONVERT, path, _TYPE_WORDS[key.type], str(key.type))
        case "not_allowed":
            meant = _meant(value, key.allowed)
            if meant is not None:
                return Fix(Operation.SET, path, f"Write {meant}", meant)
        case "required" if key.has_default or len(key.allowed) == 1:
            default = key.default if key.has_default else key.allowed[0]
            return Fix(Operation.SET, path, f"Set it to {_plain(default)}", default)
    return None


def _fix_of_name(problem: Problem, entry: Entry, values: dict, path: Path) -> Fix | None:
    """A key that is nearly spelt as one of Apple's means that one."""
    above = key_at(entry, values, problem.path[:-1]) if len(problem.path) > 1 else None
    keys = above.children if above else entry.keys
    names = [key.name for key in keys if key.role is Role.MEMBER]
    meant = nearest(problem.path[-1], names)
    holder = _value_at(values, problem.path[:-1])
    if meant is None or not isinstance(holder, dict) or meant in holder:
        return None
    return Fix(Operation.RENAME, path, f"Name it {meant}", meant)


def _meant(value, allowed):
    """Return the one allowed text that is this one but for case and blanks around it."""
    if not isinstance(value, str):
        return None
    same = [each for each in allowed if isinstance(each, str) and each.lower() == value.strip().lower()]
    return same[0] if len(same) == 1 else None


def _value_at(values, path: Path):
    for part in path:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return None
    return values


def _plain(value) -> str:
    return {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)


# Age


def _check_age(payload: Payload, report: Report) -> None:
    entry = payload.entry
    offered = [support for support in entry.support.values() if not support.is_absent]
    if offered and all(support.removed for support in offered):
        _report_age("removed", entry.label, payload.path, entry.support, report, payload)
    elif offered and all(support.deprecated or support.removed for support in offered):
        _report_age("deprecated", entry.label, payload.path, entry.support, report, payload)
    for place in places(payload):
        # What the payload says is not said again of each key.
        if place.key.support is place.around:
            continue
        own = [support for support in place.key.support.values() if not support.is_absent]
        if own and all(support.removed for support in own) and not _all_removed(place.around):
            _report_age("removed", place.key.name, place.path, place.key.support, report, payload)
        elif place.key.is_deprecated_everywhere and not _all_old(place.around):
            _report_age("deprecated", place.key.name, place.path, place.key.support, report, payload)


def _all_removed(supports) -> bool:
    offered = [support for support in supports.values() if not support.is_absent]
    return bool(offered) and all(support.removed for support in offered)


def _all_old(supports) -> bool:
    offered = [support for support in supports.values() if not support.is_absent]
    return bool(offered) and all(support.deprecated or support.removed for support in offered)


def _report_age(code: str, name: str, path: Path, supports, report: Report, payload: Payload) -> None:
    since = [
        f"{system} {getattr(support, code)}"
        for system, support in supports.items()
        if not support.is_absent and getattr(support, code)
    ]
    if code == "removed":
        message = f"{name} was removed in {', '.join(since)}; newer systems ignore it."
    else:
        message = f"{name} is deprecated since {', '.join(since)}." if since else f"{name} is deprecated."
    level = Level.WARNING if code == "removed" else Level.NOTE
    report.add(level, code, path, message, **payload.about)
