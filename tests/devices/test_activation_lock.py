"""Activation Lock codes of the organization: Apple's recipe, and kept before Apple is asked."""

import pytest

from devices.activation_lock import ALPHABET, BypassCode, NotABypassCode, escrow_key_of, make_code
from devices.escrow import current_value
from devices.models import EscrowedSecret, Event
from devices.timeline import Actor
from tests import factories

LEE = Actor("h.lee")
VECTORS = [
    (
        "1ea841db5edfafe6075b5ae0d845d254",
        "3UM43-PUYVY-QYD1-UVCC-HEHJ-FKA4",
        "6ab40d5eabe7218ec04182f461005600c7e3426bddd82cdb405bde9a1e0014b5",
    ),
    (
        "00000000000000000000000000000000",
        "00000-00000-0000-0000-0000-0000",
        "deab860d28deb5b7121d6d8fcf0f78e1471756d1b2c566c03277c23ea8930b4f",
    ),
]


@pytest.mark.parametrize(("raw", "text", "escrow_key"), VECTORS)
def test_a_code_is_written_and_hashed_as_apple_says(raw, text, escrow_key):
    code = BypassCode(bytes.fromhex(raw))
    assert (code.text, code.escrow_key) == (text, escrow_key)
    assert BypassCode.parse(text) == BypassCode.parse(text.lower().replace("-", " ")) == code


def test_codes_are_random_and_read_back():
    codes = [make_code() for _ in range(50)]
    assert len({code.raw for code in codes}) == 50
    assert all(BypassCode.parse(code.text) == code and len(code.text) == 31 for code in codes)
    assert set("".join(code.text for code in codes)) - {"-"} == set(ALPHABET)


@pytest.mark.parametrize(
    "text", ["", "3UM43", "3UM43-PUYVY-QYD1-UVCC-HEHJ-FKAZ", "3UM43-PUYVY-QYD1-UVCC-HEHJ-FKAB", "0" * 27]
)
def test_what_is_no_code_is_refused(text):
    with pytest.raises(NotABypassCode):
        BypassCode.parse(text)


@pytest.mark.django_db
def test_a_devices_code_is_kept_before_its_hash_is_known_and_stays_the_same():
    device, other = factories.make_device(), factories.make_device()
    escrow_key = escrow_key_of(device, actor=LEE)
    kept = current_value(device, "activation_lock_server_code").decode()
    assert BypassCode.parse(kept).escrow_key == escrow_key
    assert escrow_key_of(device, actor=LEE) == escrow_key, "a request that is sent again is for the same code"
    assert escrow_key_of(other, actor=LEE) != escrow_key
    assert EscrowedSecret.objects.count() == 2
    event = Event.objects.get(device=device)
    assert (event.kind, event.actor) == ("bypass_code_made", "h.lee")
    assert kept not in f"{event.summary} {event.data}"
