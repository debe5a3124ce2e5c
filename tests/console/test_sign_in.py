"""Signing in: guessing is limited, and the limit passes."""

from datetime import timedelta

import pytest
from django.urls import reverse

from mdm_project.models import SignIn
from tests.factories import make_staff

pytestmark = pytest.mark.django_db


def sign_in(client, username: str, password: str):
    return client.post(reverse("admin:login"), {"username": username, "password": password})


def test_guessing_a_password_is_stopped_and_the_limit_passes(client):
    user = make_staff(is_superuser=True)
    for _ in range(10):
        assert sign_in(client, user.username, "wrong").status_code == 200
    answer = sign_in(client, user.username, "password")
    assert answer.status_code == 200
    assert "Too many failed sign-ins" in answer.content.decode()
    SignIn.objects.update(at=SignIn.objects.first().at - timedelta(minutes=16))
    assert sign_in(client, user.username, "password").status_code == 302


def test_others_sign_in_while_one_name_is_limited(client):
    guessed, other = make_staff(is_superuser=True), make_staff(is_superuser=True)
    for _ in range(12):
        sign_in(client, guessed.username, "wrong")
    assert sign_in(client, other.username, "password").status_code == 302
