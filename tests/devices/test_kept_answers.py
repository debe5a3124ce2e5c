"""Issue 9, part 3: whatever a device answers is interpreted and kept as inventory, or named as not kept."""

import pytest
from django.urls import reverse

from commands import interpreters, results
from devices.inventory import KEPT, NOT_KEPT, STORES
from devices.models import Answer, InstalledApplication
from devices.redaction import REDACTED, redact
from profiles import catalogue
from tests.api.client import Caller
from tests.factories import make_channel, make_command, make_queued, make_report, make_staff

USERS = {
    "Users": [{"UserName": "anna", "FullName": "Anna Gardener", "HasSecureToken": True, "UID": 501, "IsLoggedIn": True}]
}


def answer(channel, request_type: str, content: dict, **asked) -> None:
    queued = make_queued(channel, make_command(request_type, asked or None))
    make_report(queued=queued, answer=content)
    results.drain_reports()


def test_every_answer_of_apple_s_schema_is_kept_or_named_as_not_kept():
    answered = {entry.type for entry in catalogue.commands() if entry.response_keys}
    assert answered - {"OSUpdateStatus"} == (set(STORES) | set(NOT_KEPT)) - {"OSUpdateStatus"}
    assert not set(STORES) & set(NOT_KEPT)
    assert all(interpreters.interpreters_of(request_type) for request_type in KEPT)


@pytest.mark.django_db
def test_what_has_no_columns_is_kept_and_shown(client):
    channel = make_channel()
    answer(channel, "UserList", USERS)
    answer(channel, "Restrictions", {"GlobalRestrictions": {"restrictedBool": {"allowCamera": {"value": False}}}})
    answer(channel, "ScheduleOSUpdate", {"UpdateResults": [{"ProductKey": "x", "InstallAction": "Install"}]})
    kept = dict(Answer.objects.values_list("request_type", "content"))
    assert kept["UserList"] == USERS
    assert kept.keys() == {"UserList", "Restrictions", "ScheduleOSUpdate"}
    shown = Caller().get(f"devices/{channel.device_id}/inventory/").json()["answers"]
    assert [each["request_type"] for each in shown] == ["Restrictions", "ScheduleOSUpdate", "UserList"]
    client.force_login(make_staff(is_superuser=True))
    page = client.get(reverse("admin:devices_device_change", args=[channel.device_id]) + "?tab=inventory")
    assert "Anna Gardener" in page.content.decode()


@pytest.mark.django_db
def test_managed_apps_are_marked_by_a_whole_list_and_not_by_a_part():
    channel = make_channel()
    for name in ("managed", "gone", "own"):
        InstalledApplication.objects.create(device=channel.device, identifier=f"com.example.{name}", name=name)
    apps = {"com.example.managed": {"Status": "Managed"}, "com.example.gone": {"Status": "ManagedButUninstalled"}}
    answer(channel, "ManagedApplicationList", {"ManagedApplicationList": apps})
    assert dict(channel.device.applications.values_list("name", "is_managed")) == {
        "managed": True,
        "gone": False,
        "own": False,
    }
    part = {"com.example.own": {"Status": "Managed"}}
    answer(channel, "ManagedApplicationList", {"ManagedApplicationList": part}, Identifiers=["com.example.own"])
    assert Answer.objects.get().content["ManagedApplicationList"] == apps
    assert channel.device.applications.filter(is_managed=True).count() == 1


def test_push_magic_is_redacted_however_it_is_spelled():
    """Issue 9, part 11."""
    spelled = ["PushMagic", "push-magic", "pushmagic", "Push-Magic"]
    assert redact(dict.fromkeys(spelled, "secret")) == dict.fromkeys(spelled, REDACTED)
