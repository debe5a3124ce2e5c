"""rotate_keys: everything encrypted is wrapped with the first key, and opens without the old one."""

import secrets
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from devices.escrow import keep_secret, open_secret
from devices.models import EscrowedSecret
from devices.secret_attributes import text_of
from mdm_project.crypto import CannotDecrypt, is_current
from mdm_project.key_rotation import encrypted_columns
from profiles.models import Profile
from tests import factories


def run() -> str:
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    return out.getvalue()


def test_every_encrypted_column_of_every_model_is_covered():
    named = {
        (model._meta.label, column.name)
        for model in apps.get_models()
        for column in model._meta.get_fields()
        if getattr(column, "column", None) and column.name.endswith("_encrypted") and column.name != "is_encrypted"
    }
    assert {(model._meta.label, column) for model, column in encrypted_columns()} == named
    assert len(named) >= 12


@pytest.mark.django_db
def test_after_it_the_old_key_can_be_taken_out(settings):
    secret = keep_secret(factories.make_device("macos"), "lock_pin", b"123456")
    queued = factories.make_queued()
    profile = factories.make_profile()
    value = factories.make_secret_value(secret.device, "wifi-key", "correct horse")
    old, new = settings.ENCRYPTION_KEYS[0], secrets.token_hex(32)
    settings.ENCRYPTION_KEYS = [new, old]
    words = run()
    assert "devices.EscrowedSecret.value_encrypted: 1 of 1 wrapped anew" in words
    settings.ENCRYPTION_KEYS = [new]
    value.refresh_from_db()
    assert text_of(value) == "correct horse"
    secret.refresh_from_db()
    queued.command.refresh_from_db()
    assert open_secret(secret) == b"123456"
    assert is_current(bytes(queued.command.body_encrypted))
    assert Profile.objects.get(pk=profile.pk).draft["PayloadType"] == "Configuration"
    assert "0 of 1 wrapped anew" in run(), "a second run finds nothing to do"


@pytest.mark.django_db
def test_what_cannot_be_opened_is_counted_and_left_as_it_is(settings):
    secret = keep_secret(factories.make_device("macos"), "lock_pin", b"123456")
    before = bytes(EscrowedSecret.objects.get(pk=secret.pk).value_encrypted)
    settings.ENCRYPTION_KEYS = [secrets.token_hex(32)]
    with pytest.raises(CommandError, match="1 values are encrypted with a key"):
        run()
    assert bytes(EscrowedSecret.objects.get(pk=secret.pk).value_encrypted) == before
    with pytest.raises(CannotDecrypt):
        open_secret(secret)
