"""Lint over everything there is: every payload of Apple's schema on every kind of device, and captured profiles."""

import pytest

from devices.models import Channel
from mdm_project import plist
from mdm_project.errors import EspalierError
from profiles import catalogue
from profiles.catalogue.examples import maximal, minimal
from profiles.importing import read_profile
from profiles.lint import Level, apply_fix, lint, scope_of_channels
from tests.fixtures import capture, captures
from tests.profiles.test_lint import channel, content

pytestmark = pytest.mark.django_db
# What our made-up values cannot know: references, an enrollment in a profile, and what Apple says in prose.
UNAVOIDABLE = {"reference", "mdm_payload", "scope"}
UNAVOIDABLE |= {
    "certificate",
    "condition",
    "one_of",
    "needed",
    "identity_unreadable",
    "removal_at_once",
    "eap_identity",
}
PLACES = ("PayloadContent", "PayloadRemovalDisallowed", "HasRemovalPasscode")


@pytest.fixture
def everything(db):
    for platform, version in (("ios", "15.0"), ("ipados", "26.0"), ("macos", "11.0"), ("tvos", "18.0")):
        for supervised, kind in ((True, "ade"), (False, "user"), (None, "device")):
            channel(platform, version, kind, is_supervised=supervised)
    for platform in ("visionos", "watchos", ""):
        channel(platform, "")
    return scope_of_channels(Channel.objects.all())


def test_every_payload_is_checked_with_the_least_and_with_all_of_its_keys(everything):
    for entry in catalogue.payload_types():
        for make in (minimal, maximal):
            payload = make(entry) | {"PayloadType": entry.type}
            found = lint(content(plist.to_json(payload)))
            wrong = [each for each in found if each.level is Level.ERROR and each.code not in UNAVOIDABLE]
            assert wrong == [], entry.slug
            # Whatever the devices: every finding is a sentence, and its place is in the profile.
            for each in lint(content(plist.to_json(payload)), scope=everything):
                assert each.message.endswith("."), each
                assert each.devices is None or 0 < each.devices.count <= everything.device_count == 15
                assert not each.path or each.path[0] in PLACES, each


@pytest.mark.parametrize("name", captures("profiles", "*/*.mobileconfig"))
def test_captured_profiles_are_checked_and_their_fixes_fix(name):
    try:
        draft = plist.to_json(read_profile(capture(name))[0])
    except EspalierError:
        pytest.skip("not a profile that can be imported")
    findings = lint(draft)
    fixes = [each for each in findings if each.fix]
    for each in fixes:
        mended = lint(apply_fix(draft, each.fix))
        assert (each.code, each.path, each.message) not in {(one.code, one.path, one.message) for one in mended}
