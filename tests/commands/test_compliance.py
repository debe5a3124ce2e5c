"""B22: each reason in its own words, nothing judged that a platform lacks, what was not checked is said."""

import pytest
from django.urls import reverse

from commands.compliance import CHOICES, judge, narrowed
from commands.needs import non_compliant_devices
from devices.models import Device
from tests import factories

pytestmark = pytest.mark.django_db
GOOD = {"is_passcode_present": True, "is_passcode_compliant": True, "is_encrypted": True}
# platform, facts, word, why, what the filters find.
TABLE = [
    ("ios", GOOD, "Compliant", "Passcode and encryption are as they should be; no profile is meant for it.", set()),
    (
        "ios", GOOD | {"is_passcode_present": False, "is_encrypted": False}, "Not compliant", "No passcode.",
        {"not_compliant", "no_passcode"},
    ),
    (
        "ipados", GOOD | {"is_passcode_compliant": False}, "Not compliant", "The passcode does not meet the rules.",
        {"not_compliant", "weak_passcode"},
    ),
    ("ios", GOOD | {"is_encrypted": False}, "Not compliant", "Not encrypted.", {"not_compliant", "not_encrypted"}),
    (
        "ios", {}, "Compliance not known",
        "Not checked yet: whether it has a passcode; whether it is encrypted.", {"not_checked"},
    ),
    (
        "ios", {"is_passcode_present": False}, "Not compliant", 
        "No passcode. Not checked yet: whether it is encrypted.",
        {"not_compliant", "no_passcode", "not_checked"},
    ),
    ("macos", {"is_encrypted": False}, "Not compliant", "Not encrypted.", {"not_compliant", "not_encrypted"}),
    ("macos", {"is_encrypted": True}, "Compliant", "It is encrypted; no profile is meant for it.", set()),
    (
        "tvos", {"is_passcode_present": False, "is_passcode_compliant": False, "is_encrypted": False}, "Compliant",
        "It has neither passcode nor encryption to look at; no profile is meant for it.", set(),
    ),
    ("", {}, "Compliance not known", "Not checked yet: what kind of device it is.", {"not_checked"}),
]  # fmt: skip


def test_each_reason_is_named_and_found_and_nothing_else(django_assert_num_queries):
    made = [factories.make_channel(factories.make_device(platform, **facts)).device for platform, facts, *_ in TABLE]
    with django_assert_num_queries(2):
        judged = judge(device.pk for device in made)
    for device, (platform, facts, word, why, found) in zip(made, TABLE, strict=True):
        status = judged[device.pk].status
        assert (status.word, status.why) == (word, why), (platform, facts)
        one = Device.objects.filter(pk=device.pk)
        assert {value for value in CHOICES if narrowed(one, value).exists()} == found, (platform, facts)


def test_who_is_not_enrolled_is_neither_judged_nor_counted():
    device = factories.make_device(is_passcode_present=False)
    assert judge([device.pk])[device.pk].status.word == "Compliance not known"
    assert not narrowed(Device.objects.all(), "no_passcode").exists()


def test_console_helpdesk_dashboard_and_api_say_the_same(client):
    user = factories.make_staff(is_superuser=True)
    client.force_login(user)
    device = factories.make_channel(factories.make_device(is_passcode_present=False, is_encrypted=False)).device
    for page in ("admin:devices_device_change", "helpdesk_device"):
        assert "No passcode." in client.get(reverse(page, args=[device.pk])).content.decode()
    need = non_compliant_devices(user)[0]
    assert need.title == "1 device is not compliant: no passcode"
    assert [it.pk for it in client.get(need.link).context["cl"].queryset] == [device.pk]
    shown = client.get("/api/v1/devices/", {"compliance": "no_passcode"}).json()["results"]
    assert [it["compliance"] for it in shown] == [
        {"status": "Not compliant", "why": "No passcode.", "reasons": ["no passcode"], "not_checked": []}
    ]
