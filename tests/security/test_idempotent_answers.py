"""Finding 13: what an Idempotency-Key remembers of an answer with passwords is encrypted in the database."""

import pytest
from django.db import connection

from mdm_project.key_rotation import encrypted_columns
from mdm_project.models import IdempotencyKey
from tests.api.client import Caller

PASSWORD = "planted-wifi-password"
WIFI = {"PayloadType": "com.apple.wifi.managed", "SSID_STR": "Office", "EncryptionType": "WPA2", "Password": PASSWORD}


@pytest.mark.django_db
def test_the_answer_is_repeated_and_its_password_stands_nowhere_in_the_row():
    caller, body = Caller(), {"name": "Wi-Fi", "payloads": [WIFI]}
    first, again = (caller.post("profiles/", body, **{"Idempotency-Key": "once"}) for _ in range(2))
    assert first.status_code == 201, first.content
    assert again.json() == first.json() and PASSWORD in again.content.decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text, encode(response_encrypted, 'escape') FROM staff_idempotency_key t")
        assert PASSWORD not in repr(cursor.fetchall())
    assert (IdempotencyKey, "response_encrypted") in encrypted_columns()
