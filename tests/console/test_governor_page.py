"""The page of safety: limits of everybody and of roles, what waits with the time that is left; and the API's limits."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group as Role
from django.urls import reverse
from django.utils import timezone

from commands.asking import ask
from commands.governor.models import GovernorLimit, HeldAction, LimitChange
from commands.models import QueuedCommand
from devices.groups import add_members, create_group
from devices.models import AccessLimit, Channel, Event
from devices.timeline import SYSTEM, Actor
from tests import factories
from tests.api.client import Caller
from tests.console.pages import text_of

SAFETY = "/console/commands/heldaction/"
NUMBERS = {"per_person": 10, "in_all": 25, "second_person_above": 5, "delay_above": 1, "delay_minutes": 5}


def make_held(number: int, user=None) -> HeldAction:
    channels = [factories.make_channel(factories.make_device("ios")).pk for _ in range(number)]
    actor = Actor.staff(user or factories.make_staff(username="h.lee", is_superuser=True))
    wanted = Channel.objects.filter(pk__in=channels)
    return ask("EraseDevice", {}, wanted, actor=actor, reason="stolen", confirmed=number).held


def device_of(held: HeldAction) -> int:
    return Channel.objects.get(pk=held.channel_ids[0]).device_id


def test_a_limit_of_a_role_is_added_changed_and_removed(console):
    role = Role.objects.create(name="Site of Lyon")
    form = {**NUMBERS, "danger": "erase", "role": role.pk, "reason": "a small site"}
    assert console.post(f"{SAFETY}limit/add/", {**form, "per_person": 2, "in_all": 30}).status_code == 302
    limit = GovernorLimit.objects.get(role=role)
    assert (limit.per_person, limit.in_all, LimitChange.objects.get().values) == (2, 25, {"in_all": 30})
    page = text_of(console.get(SAFETY))
    assert "role Site of Lyon" in page and "in all 30" in page and "Will loosen" in page
    assert "has such a limit already" in text_of(console.post(f"{SAFETY}limit/add/", form))

    assert console.post(f"{SAFETY}limit/{limit.pk}/", {**NUMBERS, "per_person": 1, "reason": "x"}).status_code == 302
    limit.refresh_from_db()
    assert limit.per_person == 1
    assert console.post(f"{SAFETY}limit/{limit.pk}/remove/", {"reason": "over"}).status_code == 302
    assert "Will be removed" in text_of(console.get(SAFETY))
    assert LimitChange.objects.get(ended_at=None).removes
    everybodys = GovernorLimit.objects.get(danger="erase", role=None)
    assert console.get(f"{SAFETY}limit/{everybodys.pk}/remove/").status_code == 404
    assert Event.objects.filter(kind="limit_changed", summary__contains="Site of Lyon").count() == 3


def test_a_role_with_a_limit_is_not_deleted_with_it(console):
    role = Role.objects.create(name="Site of Lyon")
    GovernorLimit.objects.create(danger="erase", role=role, per_person=1, in_all=1)
    console.post(f"/console/auth/group/{role.pk}/delete/", {"post": "yes"})
    assert GovernorLimit.objects.filter(role=role).exists()


def test_what_is_held_is_on_the_page_of_each_device_it_means_and_is_cancelled_there(console):
    held = make_held(2)
    other = factories.make_channel().device_id
    for pk in held.channel_ids:
        device_id = Channel.objects.get(pk=pk).device_id
        for page in (f"/console/devices/device/{device_id}/change/", reverse("helpdesk_device", args=[device_id])):
            text = text_of(console.get(page))
            assert "Erase waits until" in text and "Asked by h.lee for 2 devices: “stolen”" in text, page
            assert "Cancel it" in text
    assert "waits until" not in text_of(console.get(f"/console/devices/device/{other}/change/"))
    answer = console.post(f"{SAFETY}{held.pk}/cancel/", headers={"HX-Request": "true"})
    assert (answer.status_code, "refresh-live" in answer["HX-Trigger"]) == (204, True)
    held.refresh_from_db()
    assert held.state == HeldAction.State.CANCELLED
    assert "waits until" not in text_of(console.get(f"/console/devices/device/{device_of(held)}/change/"))


def test_a_second_person_approves_on_the_page_of_the_device(console):
    held = make_held(6)
    text = text_of(console.get(f"/console/devices/device/{device_of(held)}/change/"))
    assert "Erase waits for a second person" in text and "Approve" in text
    console.post(f"{SAFETY}{held.pk}/approve/")
    text = text_of(console.get(SAFETY))
    assert "Goes out" in text and "Approved by" in text


def test_a_limited_person_sees_what_threatens_their_device_and_cancels_only_their_own(client, db):
    held = make_held(2)
    group = create_group("Lyon", actor=SYSTEM)
    add_members(group, [device_of(held)], actor=SYSTEM)
    permissions = ("devices.view_device", "commands.view_heldaction", "commands.change_command")
    person = factories.make_staff(*permissions)
    AccessLimit.objects.create(user=person).groups.add(group)
    client.force_login(person)
    text = text_of(client.get(f"/console/devices/device/{device_of(held)}/change/"))
    assert "Erase waits until" in text and "Asked by h.lee: “stolen”" in text and "Cancel it" not in text
    assert client.post(f"{SAFETY}{held.pk}/cancel/").status_code == 404


def test_who_approves_sees_which_devices_are_meant(console):
    held = make_held(8)
    links = [f"/console/devices/device/{Channel.objects.get(pk=pk).device_id}/change/" for pk in held.channel_ids]
    page = console.get(SAFETY).content.decode()
    assert all(link in page for link in links[:6]) and links[7] not in page
    assert "and 2 more" in text_of(console.get(SAFETY))


def test_the_time_that_is_left_is_counted_down(console):
    held = make_held(2)
    page = console.get(SAFETY).content.decode()
    assert f'datetime="{held.release_at.isoformat()}"' in page and "data-age" in page
    HeldAction.objects.update(release_at=timezone.now() + timedelta(minutes=3, seconds=30))
    text = text_of(console.get(SAFETY))
    assert "Goes out" in text and ">in 3 min<" in text
    assert not QueuedCommand.objects.exists()


@pytest.mark.django_db
def test_the_api_lists_adds_changes_and_removes_limits():
    caller = Caller()
    Role.objects.create(name="Site")
    new = {"danger": "erase", "role": "Site", "per_person": 2, "in_all": 100, "reason": "a site"}
    assert caller.post("governor/limits/", {**new, "role": "Nobody"}).json()["fields"]["role"]
    assert caller.post("governor/limits/", {**new, "reason": ""}).json()["code"] == "reason_required"
    made = caller.post("governor/limits/", new)
    assert made.status_code == 201, made.content
    limit = made.json()
    assert (limit["role"], limit["per_person"], limit["in_all"]) == ("Site", 2, 25)
    assert limit["pending"]["values"] == {"in_all": 100}
    assert caller.post("governor/limits/", new).status_code == 409

    changed = caller.patch(f"governor/limits/{limit['id']}/", {"per_person": 1, "delay_above": None, "reason": "x"})
    assert (changed.json()["per_person"], changed.json()["pending"]["values"]) == (1, {"delay_above": None})
    assert caller.patch(f"governor/limits/{limit['id']}/", {"per_persons": 1, "reason": "x"}).status_code == 400
    address = f"/api/v1/governor/limits/{limit['id']}/"
    waits = caller.client.delete(address, {"reason": "over"}, format="json")
    assert (waits.status_code, waits.json()["pending"]["removes"]) == (202, True)
    everybodys = next(row for row in caller.results("governor/limits/") if row["role"] is None)
    refused = caller.client.delete(f"/api/v1/governor/limits/{everybodys['id']}/", {"reason": "over"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "limit_of_everybody")
    reader = Caller("commands.view_heldaction")
    assert reader.patch(f"governor/limits/{limit['id']}/", {"per_person": 1, "reason": "x"}).status_code == 403
