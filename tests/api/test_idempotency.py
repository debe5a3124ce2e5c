"""Idempotency-Key: done once, answered twice."""

import hashlib
import json
import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from commands.models import Command, QueuedCommand
from devices.escrow import keep_secret
from devices.models import Event
from mdm_project.api.idempotency import _lock
from mdm_project.models import IdempotencyKey
from mdm_project.tasks import forget_old_keys
from tests import factories
from tests.api.client import Caller

KEY = {"Idempotency-Key": "order-1"}


def ask(caller, request_type="ProfileList", **headers):
    return caller.post("commands/", {"request_type": request_type, "targets": {"all": True}}, **(headers or KEY))


def test_the_same_request_is_done_once_and_answered_the_same(caller):
    factories.make_channel()

    first, again = ask(caller), ask(caller)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert Command.objects.count() == 1


def test_the_key_with_another_request_is_refused(caller):
    factories.make_channel()
    ask(caller)

    other_body = ask(caller, "SecurityInfo")
    command = Command.objects.get()
    other_address = caller.post(f"commands/{command.pk}/cancel/", {}, **KEY)

    for response in (other_body, other_address):
        assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert Command.objects.count() == 1
    assert QueuedCommand.objects.waiting().count() == 1


def test_a_key_is_forgotten_after_a_week(caller):
    factories.make_channel()
    ask(caller)
    forget_old_keys()
    assert ask(caller).headers["Idempotency-Replayed"] == "true"

    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(days=8))
    forget_old_keys()
    assert "Idempotency-Replayed" not in ask(caller).headers


def test_a_key_belongs_to_its_user(caller):
    factories.make_channel()

    assert ask(caller).json()["id"] != ask(Caller()).json()["id"]


def test_an_error_is_not_remembered_and_leaves_nothing(caller):
    refused = ask(caller)
    assert refused.status_code == 409
    assert not IdempotencyKey.objects.exists()
    factories.make_channel()

    assert ask(caller).status_code == 201


def test_without_a_key_every_request_counts(caller):
    factories.make_channel()
    for _ in range(2):
        caller.post("commands/", {"request_type": "ProfileList", "targets": {"all": True}})

    assert Command.objects.count() == 2


@pytest.mark.parametrize("key", ["", "  ", "x" * 201, "a\tb"])
def test_a_key_that_cannot_be_used_is_refused(caller, key):
    factories.make_channel()

    assert ask(caller, **{"Idempotency-Key": key}).status_code == 400
    assert not Command.objects.exists()


def test_the_key_is_ignored_when_reading(caller):
    response = caller.client.get("/api/v1/devices/", headers=KEY)

    assert response.status_code == 200
    assert not IdempotencyKey.objects.exists()


@pytest.mark.django_db
def test_permissions_come_before_remembered_answers():
    user = factories.make_staff(is_superuser=True)
    factories.make_channel()
    assert ask(Caller(user=user)).status_code == 201

    assert ask(Caller(user=user, scopes=["read"])).status_code == 403


def test_a_request_that_is_still_in_progress_refuses_its_twin(committed_db):
    """The first request holds its key from another connection, as another web worker would."""
    caller = Caller()
    factories.make_channel()
    is_held, may_end = threading.Event(), threading.Event()

    def first_request():
        try:
            with transaction.atomic():
                _lock(caller.user.pk, KEY["Idempotency-Key"])
                is_held.set()
                may_end.wait(30)
        finally:
            connections.close_all()

    thread = threading.Thread(target=first_request)
    thread.start()
    try:
        assert is_held.wait(30)
        twin = ask(caller)
    finally:
        may_end.set()
        thread.join()

    assert (twin.status_code, twin.json()["code"]) == (409, "in_progress")
    assert connection.in_atomic_block is False
    assert ask(caller).status_code == 201
    assert Command.objects.count() == 1


def test_an_answer_that_is_a_secret_is_not_remembered_and_each_reveal_is_recorded(caller):
    device = factories.make_device("macos")
    secret = keep_secret(device, "lock_pin", b"246813")
    profile = factories.make_locked_profile(factories.make_channel(device), "let-me-remove-it")
    for address, value in (
        (f"devices/{device.pk}/secrets/{secret.pk}/reveal/", "246813"),
        (f"profiles/{profile.pk}/reveal-removal-password/", "let-me-remove-it"),
    ):
        answers = [caller.post(address, {"reason": "sold"}, **KEY) for _ in range(2)]
        assert [value in answer.content.decode() for answer in answers] == [True, True], address
        assert {answer["Cache-Control"] for answer in answers} == {"no-store"}
    assert not IdempotencyKey.objects.exists()
    assert Event.objects.filter(kind__in=("secret_revealed", "removal_password_revealed")).count() == 4


def test_what_a_request_said_cannot_be_guessed_from_what_is_remembered(caller):
    factories.make_channel()
    ask(caller)
    body = {"request_type": "ProfileList", "targets": {"all": True}}
    guess = hashlib.sha256(f"POST /api/v1/commands/\n{json.dumps(body, sort_keys=True)}".encode()).digest()
    assert bytes(IdempotencyKey.objects.get().request_hash) != guess


def test_what_the_governor_refused_is_told_under_a_key_too(caller):
    devices = [factories.make_channel().device for _number in range(11)]
    targets = {"device_ids": [device.pk for device in devices]}
    wish = {"request_type": "EraseDevice", "targets": targets, "reason": "mine now", "confirm": 11}
    for number, headers in enumerate(({}, KEY, KEY), start=1):
        answer = caller.post("commands/", wish, **headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "limit_reached")
        assert Event.objects.filter(kind="governor_refused", actor__contains=caller.user.username).count() == number
