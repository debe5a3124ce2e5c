"""Let devices enroll whose identity chains to an outside certificate authority."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from devices.authorities import trust_authority
from mdm_project.errors import EspalierError


class Command(BaseCommand):
    help = "Trust an outside certificate authority (PEM, one or several certificates) for device identities."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--name", default="")

    def handle(self, *, file, name, **options):
        try:
            pem = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}") from error
        try:
            authorities = trust_authority(pem, name or file.stem)
        except EspalierError as error:
            raise CommandError(f"{file}: {error.detail}") from error
        for authority in authorities:
            self.stdout.write(f"trusted: {authority.name}, valid until {authority.not_after:%Y-%m-%d}")
