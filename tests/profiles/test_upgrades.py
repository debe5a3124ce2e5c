import pytest

from commands import results
from devices import outbox
from devices.timeline import SYSTEM
from profiles.composing import create_profile
from profiles.models import ItemStatus
from profiles.upgrades import newly_effective
from profiles.versions import publish
from tests.factories import make_channel, make_device, make_report

pytestmark = pytest.mark.django_db
State = ItemStatus.State


def make_version(**keys):
    payload = {"PayloadType": "com.apple.applicationaccess"} | keys
    return publish(create_profile("Restrictions", actor=SYSTEM, payloads=[payload]), actor=SYSTEM)


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        ("17.5", "18.0", ("allowAppsToBeHidden",)),
        ("17.0", "18.5", ("allowAppsToBeHidden", "allowAutoDim")),
        ("18.0", "18.5", ()),
        ("18.5", "17.0", ()),
    ],
)
def test_keys_come_into_effect_with_the_version_that_introduced_them(old, new, keys):
    version = make_version(allowAppsToBeHidden=False, allowAutoDim=False, allowCamera=False)
    assert newly_effective(version.pk, "ios", old, new) == keys


def test_what_apple_does_not_define_counts_for_nothing():
    profile = create_profile("Own", actor=SYSTEM, payloads=[{"PayloadType": "com.example.own", "allowAutoDim": 1}])
    assert newly_effective(publish(profile, actor=SYSTEM).pk, "ios", "17.0", "18.5") == ()


@pytest.mark.parametrize(("key", "state"), [("allowAppsToBeHidden", State.PENDING), ("allowCamera", State.VERIFIED)])
def test_a_device_that_upgraded_gets_again_what_it_now_understands(key, state):
    version = make_version(**{key: False})
    channel = make_channel(make_device("ios", os_version="17.5", os_version_parts=[17, 5]))
    status = ItemStatus.objects.create(
        channel=channel, identifier="x", profile=version.profile, version=version, uuid="U", state=State.VERIFIED
    )
    make_report(channel, {"QueryResponses": {"OSVersion": "18.1"}})
    results.drain_reports()
    outbox.drain()
    status.refresh_from_db()
    assert status.state == state
    if state == State.PENDING:
        assert status.error == "the upgrade to 18.1 brings allowAppsToBeHidden"
