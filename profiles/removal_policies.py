"""Removal policies: making, changing and deleting them, with what each kind needs.

A policy takes effect on a profile when the profile is published; versions that exist stay as they are. What a policy
cannot do on the devices that a profile goes to is lint's to say.
"""

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from devices.timeline import Actor, record_event
from mdm_project.errors import BadRequest, Conflict
from profiles.models import Profile, RemovalPolicy
from profiles.removal_passwords import ensure_removal_password

Kind = RemovalPolicy.Kind
FIELDS = frozenset({"name", "kind", "removal_date", "duration_s", "password_length"})
MIN_DURATION_S = 60
MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 6, 64


@transaction.atomic
def create_policy(name: str, kind: str, *, actor: Actor, **facts) -> RemovalPolicy:
    """Make a policy; ``facts`` are removal_date, duration_s, password_length. Raises BadRequest, Conflict."""
    policy = RemovalPolicy(**_checked({"name": name, "kind": kind} | facts, RemovalPolicy()))
    _save(policy)
    record_event("removal_policy_created", f"removal policy {policy.name} made", actor=actor.name, policy=policy.pk)
    return policy


@transaction.atomic
def change_policy(policy: RemovalPolicy, *, actor: Actor, **facts) -> RemovalPolicy:
    """Change a policy; its profiles follow when they are published next. Raises BadRequest, Conflict."""
    policy = RemovalPolicy.objects.select_for_update().get(pk=policy.pk)
    for name, value in _checked(facts, policy).items():
        setattr(policy, name, value)
    _save(policy)
    if policy.kind == Kind.PASSWORD:
        profiles = Profile.objects.select_for_update(of=("self",)).select_related("removal_policy")
        for profile in profiles.filter(removal_policy=policy, removal_password_encrypted=None).order_by("id"):
            ensure_removal_password(profile)
    record_event(
        "removal_policy_changed", f"removal policy {policy.name} changed", actor=actor.name, policy=policy.pk,
        changed=sorted(facts),
    )  # fmt: skip
    return policy


@transaction.atomic
def delete_policy(policy: RemovalPolicy, *, actor: Actor) -> None:
    """Delete a policy that no profile has; raises Conflict."""
    pk = policy.pk
    try:
        policy.delete()
    except ProtectedError as error:
        number = len(error.protected_objects)
        raise Conflict(f"{number} profile{'s have' if number > 1 else ' has'} this removal policy.") from None
    record_event("removal_policy_deleted", f"removal policy {policy.name} deleted", actor=actor.name, policy=pk)


def _checked(facts: dict, policy: RemovalPolicy) -> dict:
    """Return the facts, with those of other kinds emptied, or raise BadRequest."""
    unknown = facts.keys() - FIELDS
    if unknown:
        raise TypeError(f"no facts of a removal policy: {unknown}")
    whole = {name: facts.get(name, getattr(policy, name)) for name in FIELDS}
    wrong = problems_of(facts, policy)
    if wrong:
        raise BadRequest("The removal policy cannot be so.", fields=wrong)
    if whole["kind"] != Kind.DATE:
        whole["removal_date"] = None
    if whole["kind"] != Kind.DURATION:
        whole["duration_s"] = None
    return whole


def problems_of(facts: dict, policy: RemovalPolicy) -> dict[str, str]:
    """Return what is wrong with facts that a policy is to get, by field; empty when nothing is."""
    return dict(_wrong({name: facts.get(name, getattr(policy, name)) for name in FIELDS}, facts))


def _wrong(whole: dict, given: dict):
    if not str(whole["name"] or "").strip():
        yield "name", "must not be empty"
    if whole["kind"] not in Kind.values:
        yield "kind", f"must be one of {', '.join(Kind.values)}"
    date, duration_s = whole["removal_date"], whole["duration_s"]
    if whole["kind"] == Kind.DATE and not date:
        yield "removal_date", "is needed for removal at a date"
    if whole["kind"] == Kind.DATE and date and date <= timezone.now() and {"removal_date", "kind"} & given.keys():
        yield "removal_date", "must be in the future"
    if whole["kind"] == Kind.DURATION and (not duration_s or duration_s < MIN_DURATION_S):
        yield "duration_s", f"must be at least {MIN_DURATION_S} seconds"
    length = whole["password_length"]
    if not MIN_PASSWORD_LENGTH <= (length or 0) <= MAX_PASSWORD_LENGTH:
        yield "password_length", f"must be from {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH}"


def _save(policy: RemovalPolicy) -> None:
    try:
        with transaction.atomic():
            policy.save()
    except IntegrityError:
        taken = "is that of another removal policy"
        raise Conflict(f"The name {policy.name} {taken}.", fields={"name": taken}) from None
