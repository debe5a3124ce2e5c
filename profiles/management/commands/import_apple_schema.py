"""Rebuild the catalogue from a checkout of Apple's schema, and say what that changes."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from mdm_project.errors import EspalierError
from profiles.catalogue import Kind, forget
from profiles.catalogue.changes import EntryChange, compare
from profiles.catalogue.reader import Schema, read_checkout
from profiles.catalogue.store import SHIPPED, current_folder, imported_folder, level_of, read_manifest, read_rows
from profiles.catalogue.support import version_of
from profiles.catalogue.texts import store_texts
from profiles.catalogue.usage import stored_uses
from profiles.catalogue.writer import newest_version, render, write


class Command(BaseCommand):
    help = (
        "Rebuilds the catalogue of payloads, commands, declarations and status items from a checkout of "
        "github.com/apple/device-management, and loads Apple's descriptions into the database."
    )

    def add_arguments(self, parser):
        parser.add_argument("path", type=Path, help="folder of the checkout")
        parser.add_argument("--dry-run", action="store_true", help="only say what would change")
        parser.add_argument(
            "--ship",
            action="store_true",
            help="for developers: write the data that ships with the product, not this installation's own",
        )
        parser.add_argument("--without-texts", action="store_true", help="leave Apple's descriptions as they are")

    def handle(self, path: Path, dry_run: bool, ship: bool, without_texts: bool, **options):
        try:
            schema = read_checkout(path)
        except EspalierError as error:
            raise CommandError(error.detail) from None
        for warning in schema.warnings:
            self.stderr.write(f"not understood: {warning}")
        changes = compare(_entries(SHIPPED if ship else current_folder()), schema.entries)
        self._report(schema, changes)
        if not dry_run:
            self._store(schema, SHIPPED if ship else imported_folder(), without_texts)
        self._warn_if_older(schema, ship)

    def _report(self, schema: Schema, changes: list[EntryChange]) -> None:
        level = newest_version(schema.entries)
        self.stdout.write(f"{len(schema.entries)} objects, up to OS version {level}; {len(changes)} differ.")
        for change in changes:
            self.stdout.write(str(change))
            for fact in change.facts:
                self.stdout.write(f"  {fact}")
        for name in stored_uses(changes):
            self.stdout.write(f"touches {name}")

    def _store(self, schema: Schema, folder: Path, without_texts: bool) -> None:
        write(render(schema.entries), folder)
        self.stdout.write(f"Written to {folder}. Restart the web servers and workers to use it.")
        if not without_texts:
            self.stdout.write(f"{store_texts(schema)} descriptions are in the database.")
        forget()

    def _warn_if_older(self, schema: Schema, ship: bool) -> None:
        shipped = level_of(read_manifest(SHIPPED))
        if not ship and version_of(newest_version(schema.entries)) < shipped:
            self.stderr.write(
                f"This checkout is older than the catalogue that ships (up to {'.'.join(map(str, shipped))}), "
                "so that stays in use."
            )


def _entries(folder: Path) -> list[dict]:
    """Return all entries of a folder with their kind, which the files do not repeat."""
    return [entry | {"kind": kind.value} for kind in Kind for entry in read_rows(folder, kind)]
