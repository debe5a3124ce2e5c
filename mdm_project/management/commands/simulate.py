"""Run pretend devices against a server: a thin wrapper of the simulator, which speaks HTTP like devices do."""

import subprocess
import sys

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Run a fleet of pretend devices (and the pretend APNs that wakes them) against a server, until Ctrl-C."

    def add_arguments(self, parser):
        parser.add_argument("--devices", type=int, required=True)
        parser.add_argument("--server", default=settings.PUBLIC_URL)
        parser.add_argument("--profile", default="demo")

    def handle(self, *, devices, server, profile, **options):
        if devices < 1:
            raise CommandError("--devices must be at least 1")
        command = [sys.executable, "-m", "simulator", "serve", "--server", server, "--profile", profile]
        command += ["--devices", str(devices), "--data-dir", str(settings.DATA_DIR / "simulate")]
        try:
            raise SystemExit(subprocess.call(command, cwd=settings.BASE_DIR))
        except KeyboardInterrupt:
            raise SystemExit(0) from None
