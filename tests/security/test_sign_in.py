"""Finding 6: strangers cannot keep staff from signing in, and where a sign-in came from is what the proxy says."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import Group as Role
from django.db import connection
from django.test import Client
from django.urls import reverse

from devices.models import Event
from mdm_project.models import SignIn
from mdm_project.peers import client_address
from tests.factories import make_staff

OFFICE, STRANGER = "198.51.100.7", "203.0.113.9"


def sign_in(username: str, password: str, address: str) -> int:
    """Sign in through a trusted proxy, which says who comes."""
    return Client().post(
        reverse("admin:login"), {"username": username, "password": password}, headers={"x-forwarded-for": address}
    ).status_code  # fmt: skip


def test_guessing_strangers_lock_out_nobody_with_the_right_password(db):
    boss, helper = make_staff(is_superuser=True), make_staff(is_superuser=True)
    for number in range(60):
        assert sign_in(f"made-up-{number}", "wrong", STRANGER) == 200
    for _ in range(12):
        sign_in(boss.username, "wrong", STRANGER)
    assert sign_in(boss.username, "password", STRANGER) == 200, "who guessed waits"
    assert sign_in(boss.username, "password", OFFICE) == 302
    assert sign_in(helper.username, "password", STRANGER) == 302, "a colleague behind the same address"


def test_sign_ins_and_events_have_the_address_that_a_trusted_proxy_tells(db):
    user = make_staff(is_superuser=True)
    sign_in(user.username, "wrong", OFFICE)
    sign_in(user.username, "password", OFFICE)
    assert set(SignIn.objects.values_list("address", flat=True)) == {OFFICE}
    events = Event.objects.filter(kind__in=("sign_in_refused", "signed_in"))
    assert {event.data["address"] for event in events} == {OFFICE}


@pytest.mark.parametrize(
    ("peer", "told", "expected"),
    [
        ("198.51.100.1", STRANGER, "198.51.100.1"),  # not a proxy of ours: what it tells means nothing
        ("127.0.0.1", STRANGER, STRANGER),
        ("127.0.0.1", f"{OFFICE}, {STRANGER}", STRANGER),  # what the client wrote stands before what our proxy wrote
        ("127.0.0.1", f"{OFFICE}, {STRANGER}, 127.0.0.2", STRANGER),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("::ffff:127.0.0.1", STRANGER, STRANGER),
        ("", STRANGER, None),
    ],
)
def test_an_address_is_believed_as_far_as_trusted_proxies_wrote_it(peer, told, expected):
    assert client_address({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": told}) == expected


def test_a_burst_gets_no_more_guesses_than_one_after_the_other(committed_db):
    user = make_staff(is_superuser=True)

    def guess(_number: int) -> None:
        sign_in(user.username, "wrong", STRANGER)
        connection.close()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(guess, range(40)))
    assert 1 <= SignIn.objects.filter(username=user.username, succeeded=False).count() <= 10


def test_a_right_password_of_an_account_for_programs_is_told_as_refused(db):
    user = make_staff()
    user.groups.add(Role.objects.get(role__slug="api-only"))
    assert sign_in(user.username, "password", OFFICE) == 200
    assert SignIn.objects.get(username=user.username).succeeded is False
    assert Event.objects.filter(kind="sign_in_refused", actor=user.username).exists()
