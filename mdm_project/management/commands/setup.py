"""Bring an installation up: the certificate authority, the first member of staff and, for a demo, what it needs.

Safe to run at every start: what exists stays as it is.
"""

import json
import os
import secrets
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apns.certificates import store_push_certificate
from devices.authorities import issuing_authority
from devices.models import Device, Enrollment, Event, Person
from devices.services import assign_person, save_person
from devices.timeline import SYSTEM
from enrollment.services import ensure_demo_profile
from mdm_project.errors import EspalierError
from mdm_project.models import User


class Command(BaseCommand):
    help = "Prepare the installation: certificate authority, staff user `admin`, demo content in development."

    def handle(self, **options):
        self._check_public_url()
        issuing_authority()
        self._create_admin()
        if settings.DEMO_DEVICES and not settings.IS_PRODUCTION:
            self._prepare_demo()

    def _check_public_url(self):
        """Devices keep the URLs they enrolled with for life, so another PUBLIC_URL would lose them."""
        enrolled = Enrollment.objects.enrolled().exclude(server_url="")
        lost = enrolled.exclude(server_url__startswith=f"{settings.PUBLIC_URL}/")
        example = lost.values_list("server_url", flat=True).first()
        if example is None or os.environ.get("FORCE_PUBLIC_URL") == "1":
            return
        raise CommandError(
            f"PUBLIC_URL is {settings.PUBLIC_URL}, but {lost.count()} enrolled devices talk to {example} and would be "
            "lost. Put the old PUBLIC_URL (or PORT) back, or set FORCE_PUBLIC_URL=1 if the old one still leads here."
        )

    def _create_admin(self):
        if User.objects.filter(username="admin").exists():
            return
        password = os.environ.get("ADMIN_PASSWORD") or secrets.token_urlsafe(12)
        User.objects.create_superuser("admin", password=password)
        if not os.environ.get("ADMIN_PASSWORD"):
            self.stdout.write(f"Staff user: admin   password: {password}   (shown only now)")

    def _prepare_demo(self):
        ensure_demo_profile()
        self._hand_out(settings.DATA_DIR / "simulator" / "roster.json")
        described = settings.DATA_DIR / "simulator" / "apns.json"
        if not described.exists():
            return
        files = json.loads(described.read_text())
        pem = b"".join(Path(files[name]).read_bytes() for name in ("certificate_file", "key_file"))
        try:
            store_push_certificate(pem, name="Pretend Apple push certificate", actor=SYSTEM, force_topic_change=True)
        except EspalierError as error:
            raise CommandError(f"the pretend push certificate was refused: {error.detail}") from error

    def _hand_out(self, roster: Path):
        """Give pretend devices to people before they enroll, so that a search by person finds some; once each."""
        if not roster.exists():
            return
        for row in json.loads(roster.read_text()):
            device = Device.objects.filter(serial_number=row["serial_number"]).first()
            device = device or Device.objects.create(serial_number=row["serial_number"])
            if device.person is None and not Event.objects.filter(device=device, kind="person_changed").exists():
                assign_person(device, _person(row["name"], row["email"]), actor=SYSTEM)


def _person(name: str, email: str) -> Person:
    person = Person.objects.filter(email=email).first()
    if person is None:
        person = Person(name=name, email=email)
        save_person(person, actor=SYSTEM)
    return person
