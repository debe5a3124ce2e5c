"""Who may download an enrollment profile."""

import pytest

from enrollment.models import ScepChallenge
from tests.factories import make_enrollment_profile, make_push_certificate, make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def addresses():
    make_push_certificate()
    profile = make_enrollment_profile(requires_sign_in=True)
    return [f"/enroll/{profile.slug}/", f"/enroll/{profile.slug}/profile"]


def test_a_profile_that_wants_sign_in_leads_there(client, addresses):
    for address in addresses:
        response = client.get(address)
        assert (response.status_code, response.url.partition("?")[0]) == (302, "/console/login/")
    assert not ScepChallenge.objects.exists()


def test_staff_get_it(client, addresses):
    client.force_login(make_staff())
    assert [client.get(address).status_code for address in addresses] == [200, 200]


def test_whoever_is_no_longer_staff_gets_none_with_the_session_of_before(client, addresses):
    user = make_staff()
    client.force_login(user)
    user.is_staff = False
    user.save()
    assert [client.get(address).status_code for address in addresses] == [403, 403]
    assert not ScepChallenge.objects.exists()


def test_a_profile_that_is_switched_off_is_not_found(client):
    profile = make_enrollment_profile(is_enabled=False)
    assert client.get(f"/enroll/{profile.slug}/profile").status_code == 404
