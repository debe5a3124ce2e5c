"""Making, changing and deleting removal policies."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from devices.models import Event
from devices.timeline import SYSTEM
from mdm_project.errors import BadRequest, Conflict
from profiles.models import RemovalPolicy
from profiles.removal_passwords import removal_password
from profiles.removal_policies import change_policy, create_policy, delete_policy
from tests import factories

pytestmark = pytest.mark.django_db
PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"kind": "date"}, "removal_date"),
        ({"kind": "date", "removal_date": PAST}, "removal_date"),
        ({"kind": "duration"}, "duration_s"),
        ({"kind": "duration", "duration_s": 59}, "duration_s"),
        ({"kind": "password", "password_length": 5}, "password_length"),
        ({"kind": "password", "password_length": 65}, "password_length"),
        ({"kind": "never"}, "kind"),
        ({"kind": "user", "name": "  "}, "name"),
    ],
)
def test_a_policy_without_what_its_kind_needs_is_refused_by_field(facts, field):
    with pytest.raises(BadRequest) as refused:
        create_policy(**{"name": "One"} | facts, actor=SYSTEM)
    assert refused.value.fields.keys() == {field}


def test_facts_of_another_kind_are_not_kept_and_events_tell_of_changes():
    policy = create_policy("One", "duration", duration_s=3600, removal_date=PAST, actor=SYSTEM)
    assert (policy.duration_s, policy.removal_date) == (3600, None)

    tomorrow = timezone.now() + timedelta(days=1)
    policy = change_policy(policy, kind="date", removal_date=tomorrow, actor=SYSTEM)
    assert (policy.duration_s, policy.removal_date) == (None, tomorrow)
    RemovalPolicy.objects.update(removal_date=PAST)
    assert change_policy(policy, name="Past, renamed", actor=SYSTEM).name == "Past, renamed"
    delete_policy(policy, actor=SYSTEM)
    assert [event.kind for event in Event.objects.order_by("id")] == [
        "removal_policy_created",
        "removal_policy_changed",
        "removal_policy_changed",
        "removal_policy_deleted",
    ]


def test_names_are_unique_and_a_policy_in_use_stays():
    policy, other = (create_policy(name, "user", actor=SYSTEM) for name in ("One", "Two"))
    factories.make_profile(removal_policy=policy)

    with pytest.raises(Conflict) as taken:
        change_policy(other, name="One", actor=SYSTEM)
    assert taken.value.fields.keys() == {"name"}
    with pytest.raises(Conflict, match="1 profile has"):
        delete_policy(policy, actor=SYSTEM)


def test_profiles_get_a_password_when_their_policy_begins_to_ask_for_one():
    policy = create_policy("One", "user", actor=SYSTEM, password_length=20)
    profile = factories.make_profile(removal_policy=policy)
    assert removal_password(profile) is None

    change_policy(policy, kind="password", actor=SYSTEM)
    profile.refresh_from_db()
    assert len(removal_password(profile)) == 20
