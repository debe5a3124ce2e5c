"""Versions: publishing, numbers under a lock, going back."""

import threading

import pytest
from django.db import connections

from devices.models import CustomAttribute, Event, Outbox
from devices.timeline import SYSTEM
from profiles import errors
from profiles.composing import change_profile, save_draft
from profiles.models import RemovalPolicy
from profiles.versions import has_unpublished_changes, latest_version, publish, roll_back, version_of
from tests import factories


def test_publishing_makes_a_version_and_asks_for_the_desired_state_anew(db):
    profile = factories.make_profile()
    Outbox.objects.all().delete()
    assert has_unpublished_changes(profile)

    version = publish(profile, SYSTEM, "the first")
    assert (version.number, version.note, version.published_by) == (1, "the first", "Espalier")
    assert version.content == profile.draft
    assert version.payload_types == ["com.apple.wifi.managed"]
    assert list(Outbox.objects.values_list("kind", "payload")) == [("desired_changed", {"profile_ids": [profile.pk]})]
    assert Event.objects.get(kind="profile_published").data == {"profile": profile.pk, "version": 1}
    assert not has_unpublished_changes(profile)


def test_equal_content_is_not_published_twice_whatever_the_order_of_its_keys(db):
    profile = factories.make_profile()
    publish(profile, SYSTEM)
    save_draft(profile, dict(reversed(profile.draft.items())), 1, SYSTEM)

    with pytest.raises(errors.NothingToPublish):
        publish(profile, SYSTEM)
    assert profile.versions.count() == 1


def test_numbers_rise_and_versions_stay_what_they_were(db):
    profile = factories.make_profile(name="One")
    first = publish(profile, SYSTEM)
    change_profile(profile, 1, SYSTEM, name="Two")
    second = publish(profile, SYSTEM)

    assert (first.number, second.number) == (1, 2)
    assert latest_version(profile) == second
    assert version_of(profile, 1).content["PayloadDisplayName"] == "One"
    with pytest.raises(errors.UnknownVersion):
        version_of(profile, 3)


def test_going_back_publishes_the_old_content_and_the_draft_follows(db):
    profile = factories.make_profile(name="One")
    publish(profile, SYSTEM)
    change_profile(profile, 1, SYSTEM, name="Two")
    publish(profile, SYSTEM)

    version = roll_back(profile, 1, SYSTEM)
    profile.refresh_from_db()
    assert (version.number, version.content["PayloadDisplayName"]) == (3, "One")
    assert (profile.name, profile.draft, profile.draft_revision) == ("One", version.content, 3)
    with pytest.raises(errors.NothingToPublish):
        roll_back(profile, 1, SYSTEM)
    with pytest.raises(errors.UnknownVersion):
        roll_back(profile, 9, SYSTEM)


def test_going_back_leaves_a_draft_with_unpublished_changes_alone(db):
    profile = factories.make_profile(name="One")
    publish(profile, SYSTEM)
    change_profile(profile, 1, SYSTEM, name="Two")
    publish(profile, SYSTEM)
    change_profile(profile, 2, SYSTEM, name="Three")

    roll_back(profile, 1, SYSTEM)
    profile.refresh_from_db()
    assert (profile.name, profile.draft_revision) == ("Three", 3)


def test_a_version_records_the_variables_it_uses_and_later_attributes_change_nothing(db):
    CustomAttribute.objects.create(name="building-a", label="Building")
    profile = factories.make_profile(description="$UDID in $BUILDING_A on $FLOOR, not $$SERIAL_NUMBER")

    version = publish(profile, SYSTEM)
    assert version.variables == ["BUILDING_A", "UDID"]
    CustomAttribute.objects.create(name="floor", label="Floor")
    assert version_of(profile, 1).variables == ["BUILDING_A", "UDID"]
    change_profile(profile, 1, SYSTEM, name="Another")
    assert publish(profile, SYSTEM).variables == ["BUILDING_A", "FLOOR", "UDID"]
    assert roll_back(profile, 1, SYSTEM).variables == ["BUILDING_A", "UDID"]


def test_a_changed_policy_is_an_unpublished_change_and_publishing_makes_its_password(db):
    policy = RemovalPolicy.objects.create(name="policy", kind="user")
    profile = factories.make_profile(removal_policy=policy)
    publish(profile, SYSTEM)
    policy.kind = "password"
    policy.save()
    profile.refresh_from_db()
    assert has_unpublished_changes(profile)

    content = publish(profile, SYSTEM).content
    assert content["HasRemovalPasscode"] is True
    assert content["PayloadContent"][-1]["PayloadType"] == "com.apple.profileRemovalPassword"


@pytest.mark.django_db(transaction=True)
def test_two_who_publish_at_once_make_one_version():
    profile = factories.make_profile()
    outcomes = []
    start = threading.Barrier(2)

    def work():
        start.wait()
        try:
            outcomes.append(publish(profile, SYSTEM).number)
        except errors.NothingToPublish as error:
            outcomes.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == [1, "nothing_to_publish"]
