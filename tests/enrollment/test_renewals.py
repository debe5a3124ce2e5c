"""B5: client certificates of devices are renewed by a schedule, spread, with bounded tries and a word for each."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from commands.models import Command, QueuedCommand
from devices.models import Channel, Enrollment, Identity
from devices.timeline import SYSTEM
from enrollment.models import IdentityRenewal, ScepChallenge
from enrollment.needs import expiring_identities, failed_renewals
from enrollment.renewals import IN_VAIN, MAX_TRIES, due, note_outcomes, renew, renew_due, renewable
from mdm_project import cms, plist
from mdm_project.crypto import unseal
from tests import factories
from tests.api.client import Caller

pytestmark = pytest.mark.django_db
State = QueuedCommand.State


@pytest.fixture
def way_in(db):
    factories.make_push_certificate()
    return factories.make_enrollment_profile(slug="school")


def make(days: int = 100, **enrollment) -> Identity:
    """Enroll a device whose certificate ends in some days; at 100 its time has come whatever its share."""
    row = factories.make_enrollment(**{"profile_slug": "school"} | enrollment)
    factories.make_channel(enrollment=row)
    return factories.make_identity(row.key, not_after=timezone.now() + timedelta(days=days))


def answer(state: int, note: str | None = None, ago: timedelta = timedelta()) -> None:
    waiting = QueuedCommand.objects.waiting()
    waiting.update(state=state, finished_at=timezone.now() - ago, note=note)


def make_due() -> None:
    IdentityRenewal.objects.filter(next_at__isnull=False).update(next_at=timezone.now())


def test_who_is_near_the_end_is_asked_once_with_a_challenge_of_its_own(way_in):
    """B5: one command for all, a body for each that repeats its enrollment."""
    soon = [make(), make()]
    make(days=400)
    assert renew_due() == 2
    assert renew_due() == 0
    command = Command.objects.get()
    challenges = set()
    for identity in soon:
        queued = QueuedCommand.objects.get(channel__enrollment_key=identity.enrollment_key)
        body = plist.loads(unseal(bytes(queued.body_encrypted), command.body_context))["Command"]
        payloads = plist.loads(cms.signed_content(body["Payload"])[0])["PayloadContent"]
        scep, mdm = payloads[1]["PayloadContent"], payloads[2]
        challenges.add(scep["Challenge"])
        assert mdm["ServerURL"] == "https://mdm.example.com/mdm/connect"
    assert len(challenges) == 2
    bound = ScepChallenge.objects.filter(purpose="renew").values_list("bound_key", flat=True)
    assert set(bound) == {identity.enrollment_key for identity in soon}
    assert set(IdentityRenewal.objects.values_list("state", "tries")) == {("asked", 1)}


def test_a_fleet_that_enrolled_at_once_is_spread_over_the_days(way_in, settings):
    """B5: 500 certificates that end in one moment come due over the whole span, no day with more than its share."""
    settings.IDENTITY_RENEWAL_DAYS, settings.IDENTITY_RENEWAL_SPREAD_DAYS = 180, 50
    fleet = factories.make_fleet(500)
    Enrollment.objects.update(profile_slug="school")
    authority, end = factories.make_authority(), timezone.now() + timedelta(days=1000)
    Identity.objects.bulk_create(
        Identity(fingerprint=device.udid.encode(), authority=authority, origin="scep", serial_hex="1",
                 key_hash=b"x", not_before=timezone.now(), not_after=end, enrollment_key=device.udid)
        for device in fleet
    )  # fmt: skip
    moments = [(end - row.due_at).total_seconds() / 86400 for row in renewable()]
    assert 130 <= min(moments) < 135 and 175 < max(moments) <= 180
    per_day = [sum(day <= moment < day + 1 for moment in moments) for day in range(130, 180)]
    assert max(per_day) <= 20
    assert not due().exists()


def test_nobody_is_asked_who_cannot_renew_here(way_in):
    """B5: certificates from outside, devices that left, certificates that ended, and those of no device."""
    make(profile_slug="")
    make(state=Enrollment.State.UNENROLLED)
    make(state=Enrollment.State.ERASED)
    ended = make()
    Identity.objects.filter(pk=ended.pk).update(is_active=False, end_reason="revoked")
    factories.make_identity("", not_after=timezone.now() + timedelta(days=10))
    assert (renew_due(), QueuedCommand.objects.count()) == (0, 0)


def test_a_renewal_is_proven_by_the_new_certificate(way_in):
    old = make()
    renew_due()
    answer(State.ACKNOWLEDGED)
    assert note_outcomes() == 0, "acknowledged is no proof"
    factories.make_identity(old.enrollment_key, not_after=timezone.now() + timedelta(days=700), is_renewal=True)
    Identity.objects.filter(pk=old.pk).update(is_active=False, end_reason="superseded")
    assert note_outcomes() == 1
    row = IdentityRenewal.objects.get()
    assert (row.state, row.next_at) == ("renewed", None)
    make_due()
    assert renew_due() == 0


def test_what_fails_is_asked_again_a_few_times_and_said(way_in):
    """B5: bounded; the dashboard says how many and why, and when it is for a person."""
    make()
    pauses = []
    for number in range(1, MAX_TRIES + 1):
        assert renew_due() == 1
        answer(State.FAILED, "The profile could not be installed.")
        assert (note_outcomes(), renew_due()) == (1, 0)
        row = IdentityRenewal.objects.get()
        assert (row.state, row.tries, row.problem) == ("failed", number, "The profile could not be installed.")
        pauses.append(row.next_at and round((row.next_at - timezone.now()).total_seconds() / 86400))
        make_due()
    assert pauses == [1, 3, 7, 14, 14, None]
    assert renew_due() == 0
    [need] = failed_renewals(None)
    assert need.tone == "bad" and "1 device certificate could not be renewed" in need.title
    assert "The profile could not be installed" in need.detail and "renew by hand" in need.detail
    assert not QueuedCommand.objects.failed_since(timezone.now() - timedelta(days=7)).exists()
    renew(list(Identity.objects.all()), actor=SYSTEM)
    assert IdentityRenewal.objects.get().tries == 1, "a person's wish begins anew"


def test_a_device_that_took_the_profile_in_vain_has_failed(way_in):
    make()
    renew_due()
    answer(State.ACKNOWLEDGED, ago=timedelta(days=2))
    note_outcomes()
    assert IdentityRenewal.objects.get().problem == IN_VAIN


def test_a_silent_device_is_asked_anew_before_its_challenge_ends(way_in):
    make()
    renew_due()
    make_due()
    assert renew_due() == 1
    assert QueuedCommand.objects.waiting().count() == 1
    assert ScepChallenge.objects.filter(revoked_at=None).count() == 1


def test_an_enrollment_profile_that_is_gone_is_told(way_in):
    make()
    type(way_in).objects.all().delete()
    assert renew_due() == 0
    assert "“school” does not exist any more" in IdentityRenewal.objects.get().problem
    assert "school" in failed_renewals(None)[0].detail


def test_what_expires_all_the_same_is_on_the_dashboard(way_in):
    """B5: it says what is being done about it."""
    make(days=20)
    assert "None was asked" in expiring_identities(None)[0].detail
    renew_due()
    assert "1 of them were asked" in expiring_identities(None)[0].detail


def test_the_api_lists_and_renews(way_in):
    """B5: what is due, and those that are named; one of the two has to be said."""
    first, second = make(), make(days=400)
    caller = Caller()
    assert [row["id"] for row in caller.results("identities/", renewal="due")] == [first.pk]
    told = caller.post("identities/renew/", {"due": True}).json()
    assert (told["asked"], told["refused"]) == (1, [])
    [row] = caller.results("identities/", renewal="asked")
    assert (row["id"], row["renewal"]["state"], row["renewal"]["tries"]) == (first.pk, "asked", 1)
    outside = make(profile_slug="")
    told = caller.post("identities/renew/", {"ids": [second.pk, outside.pk]}).json()
    assert told["asked"] == 1 and "comes from outside" in told["refused"][0]["reason"]
    for wish in ({}, {"due": True, "ids": [second.pk]}):
        assert caller.post("identities/renew/", wish).status_code == 400


def test_the_list_shows_filters_and_renews(way_in, client):
    """B5: the page of certificates has the renewal of each, and renews those that are chosen."""
    identity, other = make(), make(days=400)
    client.force_login(factories.make_staff(is_superuser=True))
    address = reverse("admin:devices_identity_changelist")
    assert identity.serial_hex in client.get(f"{address}?renewal=due").content.decode()
    body = {"action": "renew_chosen", "_selected_action": [identity.pk, other.pk]}
    page = client.post(address, body, follow=True).content.decode()
    assert "New certificates were offered to 2 devices." in page
    assert set(Channel.objects.filter(queue__isnull=False)) == set(Channel.objects.all())
    assert "Asked" in client.get(f"{address}?renewal=asked").content.decode()
    shown = client.get(reverse("admin:devices_identity_change", args=[identity.pk])).content.decode()
    assert "Renewal" in shown
