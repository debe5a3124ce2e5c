"""Our own words on commands and declarations: every key has some, none are Apple's."""

import re
from pathlib import Path

import pytest
import yaml

from profiles import catalogue, help_texts
from profiles.catalogue import Entry, Kind
from profiles.catalogue.keys import Role
from profiles.console.badges import badges_of
from profiles.console.keys_form import EntryForm

SCHEMA = Path(__file__).resolve().parents[3] / "shared" / "apple-schema"
COMMANDS = catalogue.commands()
DECLARATIONS = catalogue.declarations()
LONGEST_SHARED = 8  # words
LONGEST_TEXT = 240  # characters


@pytest.mark.parametrize("entry", [*COMMANDS, *DECLARATIONS], ids=lambda entry: entry.slug)
def test_every_command_and_declaration_and_each_of_its_keys_is_explained(entry):
    texts = help_texts.helps(entry.slug, entry.kind)
    asked = [key for key in entry.walk() if key.role is not Role.CHOICE]
    assert [key.key_path for key in asked if not texts.get(key.key_path)] == []
    assert texts[""].endswith(".")
    assert [path for path in texts if path and entry.find(path) is None] == []


@pytest.mark.parametrize("entry", [*COMMANDS, *DECLARATIONS], ids=lambda entry: entry.slug)
def test_a_text_is_a_sentence_or_two_and_no_essay(entry):
    texts = help_texts.helps(entry.slug, entry.kind)
    assert [path for path, text in texts.items() if not text.endswith((".", ")"))] == []
    assert [path for path, text in texts.items() if len(text) > LONGEST_TEXT] == []


def test_every_declaration_is_explained():
    assert len(DECLARATIONS) >= 60
    assert [each.slug for each in DECLARATIONS if not help_texts.about(each.slug, Kind.DECLARATION)] == []
    assert set(help_texts.DECLARATIONS) == {each.slug for each in DECLARATIONS}


def test_nothing_is_explained_that_is_no_command():
    slugs = {each.slug for each in COMMANDS}
    assert len(slugs) >= 60
    from_warnings = {each.slug for each in COMMANDS if help_texts.warning(each.slug)}
    assert set(help_texts.COMMANDS) == slugs
    assert set(help_texts.command_warnings.WARNINGS) == from_warnings
    assert set(help_texts.command_warnings.REPLACED) <= slugs


def test_every_deprecated_command_says_what_has_replaced_it():
    old = {each.slug for each in COMMANDS if any(badge.is_deprecation for badge in badges_of(each.support))}
    assert "system-update-schedule" in old
    assert [slug for slug in old if not help_texts.replaced_by(slug)] == []


def test_what_replaces_updates_by_command_are_declarations_that_there_are():
    words = help_texts.replaced_by("system-update-schedule")
    named = re.findall("“(.*?)”", words)
    assert set(named) == {
        catalogue.declaration("com.apple.configuration.softwareupdate.enforcement.specific").label,
        catalogue.declaration("com.apple.configuration.softwareupdate.settings").label,
    }


def test_the_form_of_a_command_shows_the_words_of_its_keys():
    form = EntryForm(catalogue.command("DeviceLock"))
    shown = {field.name: field.help for section in form.sections() for field in section.fields}
    assert "kept among its secrets" in shown["PIN"]
    added = EntryForm(catalogue.command("Settings")).added("/Settings", "SharedDeviceConfiguration")
    assert "Guests only" in {field.name: field.help for field in added.fields}["TemporarySessionOnly"]


def test_the_form_of_a_declaration_shows_the_words_of_its_keys_and_of_those_inside_them():
    form = EntryForm(catalogue.declaration("com.apple.configuration.account.mail"))
    fields = {field.name: field for section in form.sections() for field in section.fields}
    inside = {field.name: field.help for field in fields["IncomingServer"].fields}
    assert fields["IncomingServer"].help == "The server that mail is read from."
    assert "Left out, the device makes one up." in fields["VisibleName"].help
    assert "993" in inside["Port"]


@pytest.mark.skipif(not SCHEMA.is_dir(), reason="Apple's schema is not beside the project")
@pytest.mark.parametrize("entry", [*COMMANDS, *DECLARATIONS], ids=lambda entry: entry.slug)
def test_no_text_is_a_sentence_of_apples(entry):
    theirs = _runs(" \n ".join(_texts_of(yaml.safe_load((SCHEMA / entry.file).read_text("utf-8")))))
    copied = [text for text in _ours(entry) if _runs(text) & theirs]
    assert copied == []


def _ours(entry: Entry) -> list[str]:
    texts = help_texts.helps(entry.slug, entry.kind).values()
    return [*texts, help_texts.warning(entry.slug), help_texts.replaced_by(entry.slug)]


def _texts_of(value, owners: tuple = ()):
    """Yield the descriptions; a list that holds itself is read once."""
    if any(owner is value for owner in owners):
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        is_text = key in ("content", "description", "title") and isinstance(item, str)
        yield from [item] if is_text else _texts_of(item, (*owners, value))


def _runs(text: str) -> set[tuple[str, ...]]:
    """Return every run of words that is longer than may be shared."""
    words = re.findall(r"[\w.]+", text.lower())
    length = LONGEST_SHARED + 1
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}
