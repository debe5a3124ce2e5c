import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from enrollment import challenges
from enrollment.challenges import ChallengeRefused, use_challenge
from enrollment.models import ScepChallenge
from tests.factories import make_enrollment_profile

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


@pytest.mark.django_db
def test_secrets_are_random_and_not_stored():
    profile = make_enrollment_profile()
    secrets = {challenges.one_time_challenge(profile) for _ in range(5)}
    assert len(secrets) == 5 and all(len(secret) >= 32 for secret in secrets)
    for challenge in ScepChallenge.objects.all():
        assert challenge.secret_encrypted is None
        assert not any(secret.encode() in bytes(challenge.secret_hash) for secret in secrets)


@pytest.mark.django_db
def test_the_same_key_may_ask_again_within_the_hour_without_another_use():
    secret = challenges.one_time_challenge(make_enrollment_profile())
    first = use_challenge(secret, KEY)
    assert use_challenge(secret, KEY).pk == first.pk
    assert ScepChallenge.objects.get().uses == 1
    with pytest.raises(ChallengeRefused):
        use_challenge(secret, OTHER_KEY)
    ScepChallenge.objects.update(used_at=timezone.now() - timedelta(minutes=61))
    with pytest.raises(ChallengeRefused):
        use_challenge(secret, KEY)


@pytest.mark.django_db
def test_the_grace_outlasts_the_end_of_a_challenge_but_not_its_revocation():
    secret = challenges.one_time_challenge(make_enrollment_profile())
    use_challenge(secret, KEY)
    ScepChallenge.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    assert use_challenge(secret, KEY)
    ScepChallenge.objects.update(revoked_at=timezone.now())
    with pytest.raises(ChallengeRefused):
        use_challenge(secret, KEY)


@pytest.mark.django_db
@pytest.mark.parametrize("secret", ["", "x", "é🍏", "a" * 10_000])
def test_unknown_secrets_are_refused(secret):
    with pytest.raises(ChallengeRefused):
        use_challenge(secret, KEY)


@pytest.mark.django_db
def test_a_shared_secret_is_the_same_for_every_download_until_it_is_used_up():
    profile = make_enrollment_profile(shared_challenge_uses=2, shared_challenge_days=3)
    secret = challenges.shared_challenge(profile)
    assert challenges.shared_challenge(profile) == secret
    challenge = ScepChallenge.objects.get()
    assert secret.encode() not in bytes(challenge.secret_encrypted)
    assert timedelta(days=2, hours=23) < challenge.expires_at - timezone.now() < timedelta(days=3, hours=1)
    use_challenge(secret, KEY)
    assert challenges.shared_challenge(profile) == secret
    use_challenge(secret, OTHER_KEY)
    with pytest.raises(ChallengeRefused):
        use_challenge(secret, b"t" * 32)
    assert challenges.shared_challenge(profile) != secret


@pytest.mark.django_db
def test_a_shared_secret_that_is_about_to_end_is_not_handed_out():
    profile = make_enrollment_profile(shared_challenge_uses=2)
    secret = challenges.shared_challenge(profile)
    ScepChallenge.objects.update(expires_at=timezone.now() + timedelta(minutes=30))
    assert challenges.shared_challenge(profile) != secret
    assert use_challenge(secret, KEY)


@pytest.mark.django_db
def test_a_new_renewal_ends_the_earlier_one_of_the_same_device():
    profile = make_enrollment_profile()
    first = challenges.renewal_challenge(profile, "UDID-1")
    other = challenges.renewal_challenge(profile, "UDID-2")
    second = challenges.renewal_challenge(profile, "UDID-1")
    with pytest.raises(ChallengeRefused):
        use_challenge(first, KEY)
    assert use_challenge(second, KEY).bound_key == "UDID-1"
    assert use_challenge(other, KEY).bound_key == "UDID-2"


def at_once(work, arguments) -> list:
    """Call work with each argument from threads that start together; return what each returned or raised."""
    results, barrier = [], threading.Barrier(len(arguments))

    def run(argument):
        barrier.wait()
        try:
            results.append(work(argument))
        except ChallengeRefused as error:
            results.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[argument]) for argument in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_two_devices_at_once_one_gets_the_last_use(committed_db):
    secret = challenges.one_time_challenge(make_enrollment_profile())
    results = at_once(lambda key: use_challenge(secret, key), [bytes([n]) * 32 for n in range(8)])
    assert sum(isinstance(result, ScepChallenge) for result in results) == 1
    assert ScepChallenge.objects.get().uses == 1


def test_one_device_that_asks_twice_at_once_is_served_twice(committed_db):
    secret = challenges.one_time_challenge(make_enrollment_profile())
    results = at_once(lambda key: use_challenge(secret, key), [KEY, KEY])
    assert all(isinstance(result, ScepChallenge) for result in results)


def test_two_downloads_at_once_share_one_secret(committed_db):
    profile = make_enrollment_profile(shared_challenge_uses=9)
    results = at_once(challenges.shared_challenge, [profile] * 4)
    assert len(set(results)) == 1 and ScepChallenge.objects.count() == 1
