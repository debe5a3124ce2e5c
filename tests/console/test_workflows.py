"""Pages of workflows: what is typed before data is lost, and how the page follows."""

import json

import pytest
from django.urls import reverse

from commands.workflows.models import Workflow, WorkflowStep
from mdm_project.crypto import unseal
from tests.console.pages import text_of
from tests.factories import make_channel, make_device


@pytest.fixture
def device(db):
    return make_channel(make_device("ios", is_supervised=True)).device


def start(console, device, kind: str, **values):
    return console.post(reverse("admin:commands_workflow_start", args=[device.pk, kind]), values)


def test_before_an_offboarding_the_serial_number_is_typed(console, device):
    values = {"how": "erase", "reason": "it is sold"}
    address = reverse("admin:commands_workflow_start", args=[device.pk, "offboard"])
    assert f"Type {device.serial_number} to confirm" in text_of(console.get(address))
    assert "This field is required" in text_of(start(console, device, "offboard", **values))
    assert "exactly" in text_of(start(console, device, "offboard", typed="F00", **values))
    assert not Workflow.objects.exists()

    start(console, device, "offboard", typed=device.serial_number.lower(), **values)
    workflow = Workflow.objects.get()
    kept = json.loads(unseal(workflow.parameters_encrypted, workflow.parameters_context))
    assert kept["how"] == "erase" and "typed" not in kept


def test_what_loses_nothing_wants_no_typing(console, device):
    start(console, device, "refresh_everything")
    assert Workflow.objects.get().kind == "refresh_everything"


def test_the_page_follows_while_it_runs_and_tells_waiting_again_from_not_begun(console, device):
    start(console, device, "refresh_everything")
    workflow = Workflow.objects.get()
    page = reverse("admin:commands_workflow_change", args=[workflow.pk])
    assert "every 3s" in text_of(console.get(page))
    first = workflow.steps.order_by("position").first()
    WorkflowStep.objects.filter(pk=first.pk).update(state="waiting", attempts=1)
    assert "Waiting" in text_of(console.get(page))
    Workflow.objects.update(state=Workflow.State.DONE)
    assert "every 3s" not in text_of(console.get(page))
