"""The console's pages of workflows on many devices: choosing, the form, who is left out, how it goes, cancelling."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from commands.governor.models import GovernorLimit, HeldAction
from commands.workflows.batches import start_batch
from commands.workflows.engine import advance_due
from commands.workflows.models import Workflow, WorkflowBatch
from devices.groups import add_members, create_group
from devices.models import AccessLimit, Device
from devices.timeline import SYSTEM, Actor
from mdm_project.models import User
from tests.console.pages import text_of
from tests.factories import make_channel, make_device, make_fleet, make_staff

pytestmark = pytest.mark.django_db
LIST = reverse("admin:devices_device_changelist")
SELECTED = {"action": "start_workflow", "select_across": "1", "_selected_action": "0", "index": "0"}
LOST = {"workflow": "lost_device", "message": "Call", "every_minutes": "15", "reason": "stolen van", "confirmed": "1"}


@pytest.fixture
def phones():
    return [make_channel(make_device(name=f"Phone {n}", is_supervised=True)).device for n in range(3)]


def test_the_workflows_are_offered_with_how_many_devices_each_is_for(console, phones):
    make_channel(make_device("macos"))
    text = text_of(console.post(LIST, SELECTED))
    assert "Which workflow, for 4 devices?" in text
    assert "1 of 4 cannot:" in text
    assert "<li><span>1</span> Only iPhones and iPads have a Lost Mode. Lock the Mac instead</li>" in text
    assert "Start for 3…" in text


def test_the_number_is_typed_before_a_dangerous_one_starts_on_many(console, phones):
    make_channel(make_device("macos"))
    text = text_of(console.post(LIST, SELECTED | LOST))
    assert "Type 3 to confirm" in text
    assert not Workflow.objects.exists()
    console.post(LIST, SELECTED | LOST | {"typed": "4"})
    assert not Workflow.objects.exists()
    response = console.post(LIST, SELECTED | LOST | {"typed": "3"})
    batch = WorkflowBatch.objects.get()
    assert response.url == reverse("admin:commands_workflowbatch_change", args=[batch.pk])
    assert batch.workflows.count() == 3
    text = text_of(console.get(response.url))
    assert "3 running" in text and "stolen van" in text
    assert "Only iPhones and iPads have a Lost Mode" in text


def test_a_wrong_parameter_is_told_at_its_field(console, phones):
    text = text_of(console.post(LIST, SELECTED | LOST | {"typed": "3", "message": ""}))
    assert "A message or a phone number is needed" in text
    assert not WorkflowBatch.objects.exists()


def test_the_page_of_a_group_leads_there(console, phones):
    group = create_group("Some", actor=SYSTEM)
    add_members(group, [phones[0].pk], actor=SYSTEM)
    page = text_of(console.get(reverse("admin:devices_group_change", args=[group.pk])))
    place = page.index('value="start_workflow"')
    fields = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="(\w+)">', page[place - 40 : place + 400]))
    assert "Which workflow, for 1 device?" in text_of(console.post(f"{LIST}?group={group.pk}", fields))


def test_failures_are_grouped_by_cause_and_what_runs_can_be_cancelled(console, phones):
    batch = start_batch("lost_device", Device.objects.all(), {"message": "x"}, actor=SYSTEM, reason="r", confirmed=3)
    first = batch.workflows.order_by("id").values("pk")[:2]
    batch.workflows.filter(pk__in=list(first.values_list("pk", flat=True))).update(
        state="failed", note="<b>refused</b>"
    )
    address = reverse("admin:commands_workflowbatch_change", args=[batch.pk])
    text = text_of(console.get(address))
    assert "Why it failed" in text and "&lt;b&gt;refused" in text and "<b>refused" not in text
    assert "2 failed" in text and "1 running" in text
    console.post(reverse("admin:commands_workflowbatch_cancel", args=[batch.pk]), {"reason": "found"})
    assert batch.workflows.counts() == {"running": 0, "done": 0, "failed": 2, "cancelled": 1}
    text = text_of(console.get(address))
    assert "hx-trigger" not in text[text.index('id="batch"') :].split(">")[0]


def test_the_statements_of_the_page_do_not_grow_with_the_devices(console, phones):
    def statements(batch) -> int:
        with CaptureQueriesContext(connection) as queries:
            console.get(reverse("admin:commands_workflowbatch_change", args=[batch.pk]))
        return len(queries)

    few = start_batch("refresh_everything", Device.objects.filter(pk=phones[0].pk), {}, actor=SYSTEM)
    statements(few)
    for _ in range(4):
        make_channel(make_device())
    many = start_batch("refresh_everything", Device.objects.exclude(pk=phones[0].pk), {}, actor=SYSTEM)
    assert statements(many) == statements(few)


def test_a_limited_person_sees_how_many_of_their_devices_it_is_on(console, phones):
    group = create_group("Lyon", actor=SYSTEM)
    add_members(group, [phones[0].pk], actor=SYSTEM)
    batch = start_batch("lost_device", Device.objects.all(), {"message": "x"}, actor=SYSTEM, reason="r", confirmed=3)
    person = make_staff("commands.view_workflow", "devices.view_device")
    AccessLimit.objects.create(user=person).groups.add(group)
    console.force_login(type(person).objects.get(pk=person.pk))
    listed = text_of(console.get(reverse("admin:commands_workflowbatch_changelist")))
    assert re.search(r"field-count_column[^>]*>\s*(?:<[^>]+>\s*)*1\s*<", listed)
    text = text_of(console.get(reverse("admin:commands_workflowbatch_change", args=[batch.pk])))
    assert "1 running" in text
    assert "Phone 1" not in text


@pytest.fixture
def fleet():
    return list(make_fleet(3).order_by("id"))


def held_batch(phones, user):
    GovernorLimit.objects.filter(danger="erase").update(second_person_above=1)
    batch = start_batch(
        "offboard", Device.objects.filter(pk__in=[it.pk for it in phones]), {"how": "erase", "even_if_locked": True},
        actor=Actor.staff(user), reason="sold", confirmed=len(phones),
    )  # fmt: skip
    while advance_due():
        pass
    return batch


def page_of(batch, action: str = "change") -> str:
    return reverse(f"admin:commands_workflowbatch_{action}", args=[batch.pk])


def test_what_is_held_of_it_is_one_line_on_its_page_and_under_safety(console, fleet):
    batch = held_batch(fleet, make_staff(username="h.lee", is_superuser=True))
    for address in (page_of(batch), reverse("admin:commands_heldaction_changelist")):
        text = text_of(console.get(address))
        assert text.count("asked by h.lee") == 1, address
        assert "EraseDevice</strong> for 3 devices" in text and "Offboard on 3 devices: sold" in text
        assert "A second person has to approve 3 by 20" in text
        assert "Approve 3…" in text and "Cancel 3…" in text
        assert all(phone.name in text for phone in fleet)
    entry = '"e-strong">EraseDevice for 3 devices waits for a second person'
    assert text_of(console.get(reverse("admin:index"))).count(entry) == 1


def test_the_number_is_typed_before_all_of_it_is_approved(console, fleet):
    batch = held_batch(fleet, make_staff(username="h.lee", is_superuser=True))
    address = page_of(batch, "approve_held")
    text = text_of(console.get(address))
    assert "Approve EraseDevice for 3 devices" in text and "Type 3 to confirm" in text
    assert "This must be 3, exactly" in text_of(console.post(address, {"typed": "2"}))
    assert set(HeldAction.objects.values_list("state", flat=True)) == {"needs_approval"}
    answer = console.post(address, {"typed": "3", "reason": "asked by phone"}, follow=True)
    assert "Approved for 3 devices." in text_of(answer)
    assert "3 go out" in text_of(answer) and "Approve 3" not in text_of(answer)
    assert set(HeldAction.objects.values_list("state", flat=True)) == {"delayed"}
    assert "Nothing of it waits for a second person" in text_of(console.get(address))
    assert "Nothing of this waits for a second person any more." in text_of(console.post(address, {"reason": ""}))


def test_who_asked_sees_no_button_to_approve_and_is_refused(console, fleet):
    batch = held_batch(fleet, User.objects.get(pk=console.session["_auth_user_id"]))
    text = text_of(console.get(page_of(batch)))
    assert "You asked for it: somebody else has to approve." in text and "Approve 3" not in text
    text = text_of(console.post(page_of(batch, "approve_held"), {"typed": "3"}))
    assert "A second person has to approve this, not the one who asked." in text
    assert "Cancelled for 3 devices." in text_of(console.post(page_of(batch, "cancel_held"), {}, follow=True))
    assert set(HeldAction.objects.values_list("state", flat=True)) == {"cancelled"}


def test_a_limited_person_cancels_what_is_held_for_their_device_and_reads_how_many_wait_on(console, fleet):
    batch = held_batch(fleet, make_staff(username="h.lee", is_superuser=True))
    group = create_group("Lyon", actor=SYSTEM)
    add_members(group, [fleet[0].pk], actor=SYSTEM)
    rights = (
        "commands.view_workflow", "devices.view_device", "commands.view_heldaction", "commands.change_command",
        "commands.approve_destructive",
    )  # fmt: skip
    person = make_staff(*rights)
    AccessLimit.objects.create(user=person).groups.add(group)
    console.force_login(type(person).objects.get(pk=person.pk))
    text = text_of(console.get(page_of(batch)))
    assert "Cancel 1…" in text and "You may not approve." in text and fleet[1].name not in text
    assert console.get(page_of(batch, "approve_held")).status_code == 403
    answer = text_of(console.post(page_of(batch, "cancel_held"), {"reason": "ours"}, follow=True))
    assert "Cancelled for 1 device. 2 other devices wait on: you may not see them." in answer
    assert HeldAction.objects.filter(state="needs_approval").count() == 2


def test_the_statements_under_safety_do_not_grow_with_what_is_held_of_a_batch(console):
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            console.get(reverse("admin:commands_heldaction_changelist"))
        return len(queries)

    user = make_staff(username="h.lee", is_superuser=True)
    GovernorLimit.objects.filter(danger="erase").update(per_person=50, in_all=50)
    fleet = list(make_fleet(9).order_by("id"))
    held_batch(fleet[:2], user)
    few = statements()
    held_batch(fleet[2:], user)
    assert HeldAction.objects.count() == 9
    assert statements() == few


def test_what_waits_for_a_person_is_told_apart_from_what_goes_on_by_itself(console, phones):
    batch = start_batch("lost_device", Device.objects.all(), {"message": "x"}, actor=SYSTEM, reason="r", confirmed=3)
    workflow = batch.workflows.order_by("id").first()
    batch.workflows.filter(pk=workflow.pk).update(waits_for_person=True, note="Log in to it.")
    workflow.steps.filter(position=0).update(state="running")
    text = text_of(console.get(reverse("admin:commands_workflowbatch_change", args=[batch.pk])))
    assert "1 waiting for a person" in text and "2 running" in text
    assert text.index("Waits for a person") < text.index("Log in to it.") < text.index("What is waited for")
    page = console.get(reverse("admin:commands_workflow_change", args=[workflow.pk])).content.decode()
    assert "Waits for a person: Log in to it." in page and ">Running<" not in page
    assert "Waits for a person: Log in to it." in text_of(console.get(reverse("admin:commands_workflow_changelist")))
