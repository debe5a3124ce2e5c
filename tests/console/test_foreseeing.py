"""Part 6: forms say what the governor will do before a reason and a number are typed."""

import pytest
from django.urls import reverse

from commands.governor.switch import stop
from devices.timeline import Actor
from tests.commands.governed import staff
from tests.console.pages import text_of
from tests.factories import make_channel, make_device

pytestmark = pytest.mark.django_db


def test_the_forms_of_workflows_and_of_a_device_tell_it(console):
    phones = [make_channel(make_device(is_supervised=True)).device for _ in range(6)]
    fields = {"action": "start_workflow", "select_across": "1", "_selected_action": "0", "workflow": "offboard"}
    many = text_of(console.post(reverse("admin:devices_device_changelist"), fields))
    assert "Erase: it will wait for a second person" in many and "Unenroll: it " in many
    start = console.get(reverse("admin:commands_workflow_start", args=[phones[0].pk, "offboard"]))
    assert "Erase: it goes out at once. After it 9 are left" in text_of(start)
    for name in ("EraseDevice", "DeviceLock"):
        form = console.get(reverse("admin:devices_device_command", args=[phones[0].pk, name]))
        assert "It goes out at once. After it" in text_of(form)
    assert "It goes out" not in text_of(
        console.get(reverse("admin:devices_device_command", args=[phones[0].pk, "ProfileList"]))
    )
    stop(actor=Actor.staff(staff("other")), reason="a thief")
    form = text_of(console.get(reverse("admin:devices_device_command", args=[phones[0].pk, "EraseDevice"])))
    assert "It will be refused" in form and "a thief" in form
