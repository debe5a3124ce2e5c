"""Importing a checkout: what is read, written and reported, and that nothing of Apple's prose is shipped."""

import io
import json
import re
import shutil
from collections import Counter

import pytest
import yaml
from django.core.management import CommandError, call_command

from profiles import catalogue
from profiles.catalogue import Kind, store, usage
from profiles.catalogue.changes import compare
from profiles.catalogue.reader import UnreadableSchema, load_yaml, read_checkout
from profiles.catalogue.store import SHIPPED, Catalogue, current_folder, imported_folder
from profiles.catalogue.texts import texts_of
from profiles.catalogue.writer import newest_version, render, write
from profiles.models import CatalogueText
from tests.fixtures import apple_schema

FOLDERS = (
    "mdm/profiles",
    "mdm/commands",
    "mdm/checkin",
    "mdm/errors",
    "declarative/declarations",
    "declarative/status",
    "declarative/protocol",
    "other",
)
DOCK = """
title: Dock
description: Apple's words about it.
payload:
  payloadtype: com.example.dock
  supportedOS:
    iOS:
      introduced: 10.10
      userenrollment:
        mode: forbidden
        behavior: More of Apple's words.
    macOS: {introduced: '27.4', supervised: false}
  content: Longer words of Apple's.
payloadkeys:
- key: size
  title: A title
  type: <integer>
  presence: optional
  range: {min: 1, max: 9}
  default: 3
  content: What it does.
- key: tiles
  type: <array>
  subkeys: &tiles
  - key: tile
    type: <dictionary>
    subkeys:
    - key: more
      type: <array>
      subkeys: *tiles
    - key: name
      type: <string>
      rangelist: [a, b]
      content: Its name.
notes:
- title: ''
  content: A note.
"""


@pytest.fixture
def checkout(tmp_path):
    """A small checkout of a schema, with everything that a real one has folders for."""
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "mdm/profiles/com.example.dock.yaml").write_text(DOCK)
    return tmp_path


@pytest.fixture
def data_dir(tmp_path, settings):
    settings.DATA_DIR = tmp_path / "data"
    catalogue.forget()
    yield settings.DATA_DIR
    catalogue.forget()


def run(path, *options) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("import_apple_schema", str(path), *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def edit(checkout, before: str, after: str) -> None:
    path = checkout / "mdm/profiles/com.example.dock.yaml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


# What is read


def test_the_shipped_data_is_what_the_importer_makes_of_apples_schema():
    schema = read_checkout(apple_schema())

    assert schema.warnings == []
    for name, content in render(schema.entries).items():
        assert (SHIPPED / name).read_bytes() == content, name


def test_counts_are_those_of_the_yaml():
    """Counted by another way through the files: a plain walk that stops where a list comes again inside itself."""
    keys, types = Counter(), Counter()
    files = [path for path in sorted(apple_schema().rglob("*.yaml")) if path.parent.name != "docs"]

    def walk(rows, above):
        for row in rows:
            keys[row["key"]] += 1
            types[row["type"].strip("<>")] += 1
            below = row.get("subkeys") or []
            if below and not any(below is one for one in above):
                walk(below, [*above, below])

    for path in files:
        document = yaml.safe_load(path.read_text())
        walk(document.get("payloadkeys") or [], [])
        walk(document.get("responsekeys") or [], [])

    as_written = Catalogue(SHIPPED, with_corrections=False)
    entries = [entry for kind in Kind for entry in as_written.entries(kind)]
    ours = [key for entry in entries for top in (*entry.keys, *entry.response_keys) for key in top.walk()]
    assert len(entries) == len(files)
    assert Counter(key.name for key in ours) == keys
    assert Counter(key.type.value for key in ours) == types


def test_importing_twice_writes_the_same_bytes(checkout, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        write(render(read_checkout(checkout).entries), folder)

    names = sorted(path.name for path in folders[0].iterdir())
    assert names == sorted([*(f"{kind}.json" for kind in Kind), "manifest.json"])
    assert all((folders[0] / name).read_bytes() == (folders[1] / name).read_bytes() for name in names)


def test_the_facts_are_kept_and_the_words_are_not(checkout):
    [entry] = read_checkout(checkout).entries

    assert entry["os"] == {
        "iOS": {"introduced": "10.10", "userenrollment.mode": "forbidden"},
        "macOS": {"introduced": "27.4", "supervised": False},
    }
    assert entry["keys"][0] == [
        0,
        "size",
        {"type": "integer", "presence": "optional", "default": 3, "range": [1, 9]},
    ]
    assert entry["keys"][3][:2] == [2, "more"] and entry["keys"][3][2]["recursion"] == 0
    assert not re.search("Apple's|title|What it does|A note", json.dumps(entry))


@pytest.mark.parametrize("quote", ["", "'"])
def test_versions_are_text_however_they_are_written(tmp_path, quote):
    path = tmp_path / "one.yaml"
    path.write_text(f"payload:\n  supportedOS:\n    iOS:\n      introduced: {quote}10.10{quote}\n")

    assert load_yaml(path, "one.yaml")["payload"]["supportedOS"]["iOS"]["introduced"] == "10.10"


def test_unknown_fields_are_warned_of_and_left_out(checkout):
    edit(checkout, "  default: 3\n", "  default: 3\n  weight: 4\n")
    edit(checkout, "introduced: '27.4',", "introduced: '27.4', hidden: true,")
    schema = read_checkout(checkout)

    assert schema.warnings == [
        "mdm/profiles/com.example.dock.yaml: payload on macOS has the unknown field hidden",
        "mdm/profiles/com.example.dock.yaml: the key size has the unknown field weight",
    ]
    assert "weight" not in json.dumps(schema.entries)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("type: <integer>", "type: <number>", "unknown type <number>"),
        ("  payloadtype: com.example.dock\n", "", "has no payloadtype"),
        ("payload:", "payloads:", "has no payload"),
        ("title: Dock", "title: [", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(checkout, before, after, words):
    edit(checkout, before, after)

    with pytest.raises(UnreadableSchema, match=re.escape(words)) as error:
        read_checkout(checkout)
    assert "mdm/profiles/com.example.dock.yaml" in error.value.detail


def test_a_folder_that_is_no_checkout_is_refused(tmp_path):
    with pytest.raises(CommandError, match="no checkout of Apple's schema"):
        run(tmp_path)


def test_files_of_the_same_short_name_get_different_slugs(checkout):
    (checkout / "mdm/profiles/com.apple.com.example.dock.yaml").write_text(DOCK)
    slugs = [entry["slug"] for entry in read_checkout(checkout).entries]

    assert slugs == ["com-example-dock", "com-example-dock-2"]


# What is shipped


def strings(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def test_nothing_of_apples_prose_is_in_the_data():
    total_bytes = 0
    for path in sorted(SHIPPED.iterdir()):
        total_bytes += path.stat().st_size
        for text in strings(json.loads(path.read_text())):
            assert len(text) <= 120, text
            assert not re.search(r"[a-z]{2,} [a-z]+ [a-z]+ [a-z]+|[a-z]{3}\. [A-Z]|[a-z] [a-z]+\.$", text), text
    assert total_bytes < 3_000_000


def test_the_data_is_read_when_it_is_asked_for():
    fresh = Catalogue(SHIPPED)
    assert fresh._entries == {}

    fresh.entries(Kind.COMMAND)
    assert list(fresh._entries) == [Kind.COMMAND]
    assert "keys" not in vars(fresh.entries(Kind.COMMAND)[0])


# What is reported


@pytest.mark.django_db
def test_a_changed_copy_of_apples_schema_is_told_by_key_and_fact(tmp_path, data_dir):
    copy = tmp_path / "copy"
    shutil.copytree(apple_schema(), copy)
    profiles = copy / "mdm/profiles"
    dock = profiles / "com.apple.dock.yaml"
    text = dock.read_text()
    dock.write_text(text.replace("max: 128", "max: 256", 1).replace("- key: autohide", "- key: hide", 1))
    (profiles / "com.apple.dashboard.yaml").unlink()
    shutil.copy(profiles / "com.apple.font.yaml", profiles / "com.apple.new.yaml")
    told, complaints = run(copy, "--dry-run")

    assert complaints == ""
    assert "347 objects, up to OS version 27.2; 3 differ." in told
    assert "added payload new (com.apple.font)\n" in told
    assert "removed payload dashboard (com.apple.dashboard)\n" in told
    assert "changed payload dock (com.apple.dock)\n" in told
    assert "  tilesize: range was [16, 128], is [16, 256]\n" in told
    assert "  autohide: key removed\n" in told and "  hide: key added\n" in told
    assert not imported_folder().exists()


def test_every_sort_of_change_of_a_fact_is_told(checkout):
    before = read_checkout(checkout).entries
    edit(checkout, "  default: 3\n", "  default: 4\n")
    edit(checkout, "  presence: optional\n", "")
    edit(checkout, "rangelist: [a, b]", "rangelist: [a, b]\n      format: '[ab]'")
    edit(checkout, "{introduced: '27.4', supervised: false}", "{introduced: '27.4', supervised: true}")
    [change] = compare(before, read_checkout(checkout).entries)

    assert [str(fact) for fact in change.facts] == [
        "macOS supervised was False, is True",
        "size: default was 3, is 4",
        "size: presence is no longer stated (was optional)",
        "tiles.[].name: format is now [ab]",
    ]


def test_true_and_one_are_different_facts(checkout):
    before = read_checkout(checkout).entries
    edit(checkout, "default: 3", "default: 1")
    one = read_checkout(checkout).entries
    edit(checkout, "default: 1", "default: true")

    assert compare(before, before) == []
    assert len(compare(one, read_checkout(checkout).entries)) == 1


def test_stored_objects_that_a_change_touches_are_named(checkout, data_dir, monkeypatch):
    monkeypatch.setattr(usage, "_finders", [])

    def of_type(changes):
        return [f"profile {change.type}" for change in changes if change.type == "com.apple.wifi.managed"]

    assert usage.plug_in(of_type) is of_type
    told, _ = run(checkout, "--dry-run")

    assert "removed payload wifi-managed (com.apple.wifi.managed)" in told
    assert "touches profile com.apple.wifi.managed\n" in told


# What is stored


@pytest.mark.django_db
def test_an_installation_imports_into_its_own_folder_and_uses_it(checkout, data_dir):
    told, _ = run(checkout)

    assert f"Written to {data_dir / 'catalogue'}" in told
    assert current_folder() == imported_folder() == data_dir / "catalogue"
    assert [entry.slug for entry in catalogue.payload_types()] == ["com-example-dock"]
    assert run(checkout, "--dry-run")[0].startswith("1 objects, up to OS version 27.4; 0 differ.")


@pytest.mark.django_db
def test_apples_words_are_in_the_database_of_who_imports_them(checkout, data_dir):
    CatalogueText.objects.create(kind="payload", slug="gone", text="old")
    run(checkout)
    texts = texts_of(catalogue.payload("com-example-dock"))

    assert {path: (text.title, text.text) for path, text in texts.items()} == {
        "": ("Dock", "Apple's words about it.\n\nLonger words of Apple's."),
        "size": ("A title", "What it does."),
        "tiles.[].name": ("", "Its name."),
    }
    assert not CatalogueText.objects.filter(slug="gone").exists()

    edit(checkout, "What it does.", "Something else.")
    run(checkout, "--without-texts")
    assert CatalogueText.objects.get(key_path="size").text == "What it does."


@pytest.mark.django_db
def test_all_of_apples_words_can_be_loaded(data_dir):
    told, _ = run(apple_schema())

    number = CatalogueText.objects.count()
    assert number > 4000
    assert f"{number} descriptions are in the database." in told
    assert CatalogueText.objects.filter(kind="command", key_path__startswith="response:").exists()


@pytest.mark.django_db
def test_a_checkout_older_than_what_ships_is_written_and_not_used(checkout, data_dir):
    edit(checkout, "introduced: '27.4'", "introduced: '18.3'")
    _, complaints = run(checkout)

    assert "older than the catalogue that ships (up to 27.2)" in complaints
    assert current_folder() == SHIPPED
    assert len(catalogue.payload_types()) == 126


def test_data_of_another_format_or_half_written_is_not_used(data_dir, checkout):
    write(render(read_checkout(checkout).entries), imported_folder())
    manifest = imported_folder() / store.MANIFEST
    assert current_folder() == imported_folder()

    manifest.write_text(json.dumps({"format": store.FORMAT + 1, "newest_version": "99.0"}))
    assert current_folder() == SHIPPED
    manifest.unlink()
    assert current_folder() == SHIPPED


def test_the_newest_version_is_found_among_keys_too():
    entries = [{"os": {"iOS": {"introduced": "9.3"}}, "keys": [[0, "a", {"os": {"iOS": {"deprecated": "10.10"}}}]]}]

    assert newest_version(entries) == "10.10"
    assert newest_version([]) == ""
