"""Authorities in the console: rotated, trusted no longer and again by staff, each with a reason."""

import pytest
from django.urls import reverse

from devices.authorities import issuing_authority, our_authorities
from devices.models import CertificateAuthority, Event
from tests.factories import make_authority

pytestmark = pytest.mark.django_db


def act(console, name: str, authority_id: int, reason: str = "yearly"):
    return console.post(reverse(f"admin:devices_certificateauthority_{name}", args=[authority_id]), {"reason": reason})


def test_rotating_makes_a_new_authority_and_keeps_the_old_one_trusted(console):
    old = issuing_authority().id
    assert act(console, "rotate", old).status_code == 302
    new, previous = (each.id for each in our_authorities())
    assert previous == old
    assert new != old
    assert CertificateAuthority.objects.get(is_issuing=True).pk == new
    assert "yearly" in Event.objects.filter(kind="authority_created").first().summary
    assert "does not issue any more" in act(console, "rotate", old).content.decode()
    assert CertificateAuthority.objects.filter(kind="ours").count() == 2


def test_an_authority_is_trusted_no_longer_and_again(console):
    authority = make_authority()
    page = reverse("admin:devices_certificateauthority_change", args=[authority.pk])
    assert "Stop trusting" in console.get(page).content.decode()
    act(console, "distrust", authority.pk, "left us")
    authority.refresh_from_db()
    assert not authority.is_trusted
    assert "Trust again" in console.get(page).content.decode()
    act(console, "trust", authority.pk)
    authority.refresh_from_db()
    assert authority.is_trusted
    assert "left us" in Event.objects.get(kind="authority_distrusted").summary


def test_the_issuing_authority_must_be_rotated_before_it_is_distrusted(console):
    answer = act(console, "distrust", issuing_authority().id)
    assert "rotate it first" in answer.content.decode()
    assert CertificateAuthority.objects.get(is_issuing=True).is_trusted


def test_a_reason_is_needed(console):
    authority = make_authority()
    act(console, "distrust", authority.pk, "")
    authority.refresh_from_db()
    assert authority.is_trusted
