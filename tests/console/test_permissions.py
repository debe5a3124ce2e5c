"""Who may open and do what in the console, as one table: address, method, and the answer to each role."""

import hashlib

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group as Role
from django.db import transaction
from django.test import Client
from django.urls import reverse

from apns.models import PushCertificateRequest
from commands.governor.limits import add_limit, change_limit
from commands.governor.models import GovernorLimit, LimitChange
from commands.models import QueuedCommand
from commands.workflows.services import start_workflow
from devices.attributes import define_attribute
from devices.escrow import keep_secret
from devices.groups import create_group
from devices.models import Device, Event, Identity, RejectedMessage, SavedSearch, Tag
from devices.notes import add_note
from devices.timeline import SYSTEM
from mdm_project import tokens
from profiles.declarations import create_declaration
from profiles.plan import plan
from tests import factories
from tests.console.conftest import ROLES as PERMISSIONS
from tests.factories import make_batch, make_staff
from tests.profiles.assigned import assign, make_group

ROLES = ("anonymous", "nobody", "viewer", "operator", "superuser")
TEST = "com.apple.configuration.management.test"
SIGN_IN, NO, YES, DONE, NONE = 302, 403, 200, 302, 404
RULE = {"fact": "platform", "is": "is", "value": "ios"}

# name of the page, its arguments, method, answers in the order of ROLES.
TABLE = [
    ("index", (), "GET", (SIGN_IN, YES, YES, YES, YES)),
    ("search", (), "GET", (SIGN_IN, YES, YES, YES, YES)),
    ("needs", (), "GET", (SIGN_IN, YES, YES, YES, YES)),
    ("needs_snooze", (), "GET", (SIGN_IN, NO, NO, NO, NONE)),
    ("needs_snooze", (), "POST", (SIGN_IN, NO, NO, NO, NONE)),
    ("needs_wake", (), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("devices_device_changelist", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_device_csv", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_device_search_add", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_device_search_add", (), "POST", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_device_search_open", ("search",), "GET", (SIGN_IN, NO, DONE, DONE, DONE)),
    ("devices_device_search_edit", ("search",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_device_search_edit", ("search",), "POST", (SIGN_IN, NO, DONE, DONE, YES)),
    ("devices_device_search_delete", ("search",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_device_search_delete", ("search",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("devices_device_change", ("device",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_device_same_serial", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_device_decide_serial", (), "POST", (SIGN_IN, NO, NO, DONE, DONE)),
    ("devices_device_live", ("device",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_device_add", (), "GET", (SIGN_IN, NO, NO, NO, NO)),
    ("devices_device_delete", ("device",), "GET", (SIGN_IN, NO, NO, NO, NO)),
    ("devices_device_picker", ("device",), "GET", (SIGN_IN, NO, NO, YES, YES)),
    ("devices_device_command", ("device", "=DeviceLock"), "GET", (SIGN_IN, NO, NO, YES, YES)),
    ("devices_device_command", ("device", "=ProfileList"), "POST", (SIGN_IN, NO, NO, DONE, DONE)),
    ("devices_device_refresh", ("device",), "POST", (SIGN_IN, NO, NO, DONE, DONE)),
    ("devices_device_renew", ("device",), "POST", (SIGN_IN, NO, NO, DONE, DONE)),
    ("devices_device_reveal", ("device", "secret"), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_device_reveal", ("device", "secret"), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_device_reveal_attribute", ("device", "hidden"), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_device_reveal_attribute", ("device", "hidden"), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_device_removal_password", ("device", "locked"), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_device_removal_password", ("device", "locked"), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_device_location", ("device",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_device_note", ("device",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_device_note", ("device",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("devices_device_withdraw_note", ("device", "note"), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_device_withdraw_note", ("device", "note"), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("devices_device_message", ("device",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_device_edit", ("device",), "GET", (SIGN_IN, NO, NO, YES, YES)),
    ("devices_device_edit", ("device",), "POST", (SIGN_IN, NO, NO, DONE, DONE)),
    ("devices_device_people", (), "GET", (SIGN_IN, NO, NO, YES, YES)),
    ("commands_command_changelist", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("commands_command_csv", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("commands_command_change", ("command",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("commands_command_cancel", ("command",), "POST", (SIGN_IN, NO, NO, DONE, DONE)),
    ("commands_command_retry", ("command",), "POST", (SIGN_IN, NO, NO, DONE, DONE)),
    ("commands_command_failures", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("commands_command_failures_retry", (), "POST", (SIGN_IN, NO, NO, DONE, DONE)),
    ("commands_command_choose", (), "GET", (SIGN_IN, NO, NO, YES, YES)),
    ("commands_command_reach", (), "GET", (SIGN_IN, NO, NO, YES, YES)),
    ("commands_command_compose", ("=device-restart",), "GET", (SIGN_IN, NO, NO, YES, YES)),
    ("commands_command_compose", ("=device-restart",), "POST", (SIGN_IN, NO, NO, YES, YES)),
    ("commands_command_compose_preview", ("=device-restart",), "POST", (SIGN_IN, NO, NO, YES, YES)),
    ("commands_command_compose_part", ("=settings",), "GET", (SIGN_IN, NO, NO, YES, YES)),
    ("commands_command_compose_upload", ("=settings",), "POST", (SIGN_IN, NO, NO, YES, YES)),
    ("commands_heldaction_changelist", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_heldaction_approve", ("held",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("commands_heldaction_cancel", ("held",), "POST", (SIGN_IN, NO, NO, NONE, DONE)),
    ("commands_heldaction_stop", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_heldaction_stop", (), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("commands_heldaction_resume", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_heldaction_limit", ("limit",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_heldaction_limit", ("limit",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("commands_heldaction_limit_add", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_heldaction_limit_add", (), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_heldaction_limit_remove", ("role_limit",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_heldaction_limit_remove", ("role_limit",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("commands_heldaction_withdraw", ("limit_change",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("commands_workflow_changelist", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_workflow_change", ("workflow",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_workflow_choose", ("device",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_workflow_start", ("device", "=refresh_everything"), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_workflow_start", ("device", "=refresh_everything"), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_workflow_end", ("workflow",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_workflow_cancel", ("workflow",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("commands_workflowbatch_changelist", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_workflowbatch_change", ("batch",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_workflowbatch_cancel", ("batch",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("commands_workflowbatch_approve_held", ("batch",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_workflowbatch_approve_held", ("batch",), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_workflowbatch_cancel_held", ("batch",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_workflowbatch_cancel_held", ("batch",), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("commands_command_target", ("queued",), "GET", (SIGN_IN, NONE, YES, YES, YES)),
    ("commands_command_cancel_target", ("queued",), "POST", (SIGN_IN, NO, NO, DONE, DONE)),
    ("commands_command_retry_target", ("queued",), "POST", (SIGN_IN, NO, NO, DONE, DONE)),
    ("devices_person_changelist", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_person_add", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_accesslimit_changelist", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_accesslimit_add", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_event_changelist", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_event_csv", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_event_jsonl", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_rejectedmessage_changelist", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_rejectedmessage_change", ("rejected",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_identity_changelist", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_identity_change", ("identity",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_identity_revoke", ("identity",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("devices_certificateauthority_changelist", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_certificateauthority_change", ("authority",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_certificateauthority_rotate", ("authority",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_certificateauthority_distrust", ("authority",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("devices_certificateauthority_trust", ("authority",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("apns_pushcertificate_changelist", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("apns_pushcertificate_change", ("certificate",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("apns_pushcertificate_change", ("certificate",), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("apns_pushcertificate_add", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("apns_pushcertificate_request", (), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("apns_pushcertificate_request_file", ("request",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("enrollment_enrollmentprofile_changelist", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("enrollment_enrollmentprofile_change", ("profile",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("enrollment_enrollmentprofile_change", ("profile",), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("enrollment_enrollmentprofile_add", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("profiles_profile_changelist", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("profiles_profile_csv", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("profiles_profile_add", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("profiles_profile_import", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("profiles_profile_change", ("composed",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("profiles_profile_change", ("composed",), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("profiles_profile_delete", ("composed",), "GET", (SIGN_IN, NO, NO, NO, NO)),
    ("profiles_profile_preview", ("composed",), "POST", (SIGN_IN, NO, NONE, NONE, NONE)),
    ("profiles_profile_part", ("composed",), "GET", (SIGN_IN, NO, NONE, NONE, NONE)),
    ("profiles_profile_upload", ("composed",), "POST", (SIGN_IN, NO, NO, NO, NONE)),
    ("profiles_profile_payload_add", ("composed",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("profiles_profile_payload_add", ("composed",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("profiles_profile_payload_remove", ("composed",), "POST", (SIGN_IN, NO, NO, NO, NONE)),
    ("profiles_profile_versions", ("composed",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("profiles_profile_publish", ("composed",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("profiles_profile_roll_back", ("composed", "=1"), "POST", (SIGN_IN, NO, NO, NO, NONE)),
    ("profiles_profile_download", ("composed",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("profiles_profile_archive", ("composed",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("profiles_profile_conflicts", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("profiles_profile_assignments", ("composed",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("profiles_profile_devices", ("composed",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("profiles_profile_devices_csv", ("composed",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("profiles_profile_devices_retry", ("composed",), "POST", (SIGN_IN, NO, NO, DONE, DONE)),
    ("profiles_profile_assign", ("composed",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("profiles_profile_assign", ("composed",), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("profiles_profile_assignment", ("assigned", "assignment"), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("profiles_profile_unassign", ("assigned", "assignment"), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("profiles_profile_halt", ("assigned", "assignment"), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("profiles_profile_withdraw", ("assigned",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("profiles_profile_removal_password", ("composed",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("profiles_profile_removal_password", ("composed",), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("profiles_profile_step", ("assigned", "assignment", "=advance"), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("profiles_profile_plan", ("plan",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("profiles_profile_plan", ("plan",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("devices_device_configuration", ("device",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_device_effective", ("device",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_device_retry_configuration", ("device",), "POST", (SIGN_IN, NO, NO, DONE, DONE)),
    ("profiles_declaration_changelist", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("profiles_declaration_change", ("declaration",), "GET", (SIGN_IN, NONE, NONE, NONE, YES)),
    ("profiles_declaration_add", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("profiles_declaration_delete", ("declaration",), "POST", (SIGN_IN, NONE, NONE, NONE, DONE)),
    ("profiles_declaration_preview", (), "POST", (SIGN_IN, NO, NO, NO, NONE)),
    ("profiles_declaration_part", (), "GET", (SIGN_IN, NO, NO, NO, NONE)),
    ("profiles_declaration_upload", (), "POST", (SIGN_IN, NO, NO, NO, NONE)),
    ("profiles_removalpolicy_changelist", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("profiles_removalpolicy_add", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_group_changelist", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_group_csv", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_group_change", ("smart",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_group_add", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_group_add", (), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_group_edit", ("smart",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_group_edit", ("smart",), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_group_preview", (), "POST", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_group_pick", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_group_members_add", ("static",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_group_members_add", ("static",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("devices_group_members_remove", ("static",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("devices_group_why", ("smart",), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_group_delete", ("static",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_tag_changelist", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_tag_change", ("tag",), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_tag_add", (), "GET", (SIGN_IN, NO, NO, NO, NO)),
    ("devices_tag_delete", ("tag",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("devices_customattribute_changelist", (), "GET", (SIGN_IN, NO, YES, YES, YES)),
    ("devices_customattribute_add", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_customattribute_change", ("attribute",), "POST", (SIGN_IN, NO, NO, NO, YES)),
    ("devices_customattribute_delete", ("attribute",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("mdm_project_user_changelist", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("mdm_project_user_add", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("auth_group_changelist", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("mdm_project_apitoken_changelist", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("mdm_project_apitoken_add", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("mdm_project_apitoken_change", ("token",), "GET", (SIGN_IN, NO, NO, NO, YES)),
    ("mdm_project_apitoken_revoke", ("token",), "POST", (SIGN_IN, NO, NO, NO, DONE)),
    ("mdm_project_signin_changelist", (), "GET", (SIGN_IN, NO, NO, NO, YES)),
]
BODIES = {
    "commands_workflow_cancel": {"reason": "not needed"},
    "commands_workflowbatch_cancel": {"reason": "not needed"},
    "devices_device_reveal": {"reason": "locked out"},
    "devices_device_reveal_attribute": {"reason": "a visitor"},
    "devices_device_removal_password": {"reason": "in the way"},
    "devices_device_decide_serial": {"serial_number": "C02X", "decision": "different"},
    "devices_device_note": {"text": "Screen replaced.", "ticket": "INC-4711"},
    "commands_heldaction_stop": {"reason": "strange"},
    "commands_heldaction_limit_remove": {"reason": "over"},
    "commands_heldaction_limit": {"reason": "careful", "per_person": 1, "in_all": 2, "delay_minutes": 5},
    "commands_command_cancel": {"reason": "no longer needed"},
    "devices_identity_revoke": {"reason": "lost"},
    "devices_certificateauthority_distrust": {"reason": "left"},
    "profiles_profile_payload_add": {"kind": "wifi-managed"},
}


@pytest.fixture
def rows(db) -> dict:
    return make_rows()


def change_of_limit(limit: GovernorLimit) -> LimitChange:
    return change_limit(limit, {"per_person": limit.per_person + 1}, actor=SYSTEM, reason="a sale")


def limit_of_role() -> GovernorLimit:
    role = Role.objects.create(name="Of a site, in the console")
    return add_limit("lock", role, {"per_person": 1}, actor=SYSTEM, reason="a site")[0]


def make_rows() -> dict:
    """Make a device with a failed command, and one row of everything else that has a page."""
    factories.make_push_certificate()
    channel = factories.make_channel()
    factories.make_enrollment_profile(slug="way-in")
    channel.enrollment.__class__.objects.filter(pk=channel.enrollment_id).update(profile_slug="way-in")
    identity = factories.make_identity(channel.enrollment_key)
    queued = factories.make_queued(channel)
    factories.make_report(channel, status="Error", queued=queued)
    digest = hashlib.sha256(b"refused").digest()
    rejected = RejectedMessage.objects.create(
        path="/mdm/connect", status=403, code="refused", reason="not pinned", size_bytes=1, body_hash=digest
    )
    request = PushCertificateRequest.objects.create(csr_pem="csr", key_encrypted=b"", key_hash=digest)
    token, _text = tokens.create_token(make_staff(is_superuser=True), "script")
    assigned = factories.make_profile(name="Assigned")
    assignment = assign(assigned, make_group(channel))
    limit = GovernorLimit.objects.get(danger="lock", role=None)
    change = {"kind": "change_assignment", "assignment": assignment.pk, "fields": {"priority": 1}}
    return {
        "search": SavedSearch.objects.create(name="Shared", search="a", is_shared=True).pk,
        "device": channel.device_id, "command": queued.command_id, "queued": queued.pk, "identity": identity.pk,
        "authority": identity.authority_id, "rejected": rejected.pk, "request": request.pk, "token": token.pk,
        "certificate": factories.make_push_certificate(topic="com.apple.mgmt.other", is_default=False).pk,
        "smart": create_group("Phones", kind="smart", rule=RULE, actor=SYSTEM).pk,
        "static": create_group("Some", actor=SYSTEM).pk, "tag": Tag.objects.create(name="red").pk,
        "secret": keep_secret(channel.device_id, "lock_pin", b"123456").pk,
        "hidden": factories.make_secret_value(channel.device, "door-code").attribute_id,
        "locked": factories.make_locked_profile(channel, name="Locked").pk,
        "note": add_note(channel.device, "Screen broken.", actor=SYSTEM).pk,
        "workflow": start_workflow("refresh_everything", channel.device, {}, actor=SYSTEM).pk,
        "batch": make_batch(channel.device).pk,
        "held": factories.make_held().pk, "limit": limit.pk, "limit_change": change_of_limit(limit).pk,
        "role_limit": limit_of_role().pk,
        "declaration": create_declaration("Test", TEST, {"Echo": "x"}, actor=SYSTEM).pk,
        "attribute": define_attribute("cost", actor=SYSTEM).pk,
        "profile": factories.make_enrollment_profile().pk, "composed": factories.make_profile().pk,
        "assigned": assigned.pk, "assignment": assignment.pk, "plan": plan(change, actor=SYSTEM).token,
    }  # fmt: skip


def address_of(name: str, arguments: tuple, rows: dict) -> str:
    values = [part[1:] if part[0] == "=" else rows[part] for part in arguments]
    return reverse(f"admin:{name}", args=values)


def test_every_page_answers_each_role_as_the_table_says(db, rows):
    """One world and one sign-in a role; what a request did is undone before the next one."""
    clients, wrong = {role: signed_in_as(role) for role in ROLES}, []
    for name, arguments, method, answers in TABLE:
        address = address_of(name, arguments, rows)
        for role, expected in zip(ROLES, answers, strict=True):
            response = undone(clients[role], method, address, BODIES.get(name, {}))
            if response.status_code != expected:
                wrong.append((name, arguments, method, role, response.status_code))
            elif role == "anonymous" and not response["Location"].startswith("/console/login/"):
                wrong.append((name, arguments, method, role, response["Location"]))
    assert not wrong, "\n".join(map(str, wrong))


def signed_in_as(role: str) -> Client:
    client = Client()
    if role == "superuser":
        client.force_login(make_staff(is_superuser=True))
    elif role != "anonymous":
        client.force_login(make_staff(*PERMISSIONS[role]))
    return client


def undone(client: Client, method: str, address: str, body: dict):
    with transaction.atomic():
        response = client.get(address) if method == "GET" else client.post(address, body)
        if getattr(response, "streaming", False):
            b"".join(response.streaming_content)
        transaction.set_rollback(True)
    return response


def test_every_page_of_the_console_is_in_the_table():
    covered = {name for name, *_ in TABLE}
    # Django's own pages for what only superusers change, and pages that the console does not offer.
    by_django = {"history", "delete", "add", "change", "view_on_site", "csv", "password_change"}
    missing = [
        pattern.name
        for model, model_admin in admin.site._registry.items()
        for pattern in model_admin.get_urls()
        if pattern.name
        and pattern.name not in covered
        and pattern.name.removeprefix(f"{model._meta.app_label}_{model._meta.model_name}_") not in by_django
    ]
    assert [name for name in missing if not name.startswith("auth_user_password")] == []


def test_a_viewer_sees_actions_that_say_why_they_are_off(sign_in, rows):
    page = sign_in("viewer").get(address_of("devices_device_change", ("device",), rows)).content.decode()
    assert "You may look at devices but not send commands" in page
    assert 'aria-disabled="true"' in page
    assert "devices/device/{}/refresh/".format(rows["device"]) not in page


def test_raw_reports_need_a_permission_of_their_own(sign_in, rows):
    address = address_of("devices_device_change", ("device",), rows)
    assert sign_in("operator").get(address, {"tab": "raw"}).status_code == NO
    assert sign_in("operator", "devices.view_raw_reports").get(address, {"tab": "raw"}).status_code == YES


def test_commands_are_hidden_on_the_device_page_from_who_may_not_see_them(client, rows):
    client.force_login(make_staff("devices.view_device"))
    address = address_of("devices_device_change", ("device",), rows)
    assert 'id="live"' not in client.get(address).content.decode()
    assert client.get(address, {"tab": "commands"}).status_code == NO


def test_who_may_not_see_devices_does_not_learn_their_names_elsewhere(client, rows):
    device = Device.objects.get(pk=rows["device"])
    Event.objects.create(device=device, kind="enrolled", summary="enrolled")
    client.force_login(make_staff("commands.view_command", "devices.view_event", "devices.view_rejectedmessage"))
    for name in ("commands_command_changelist", "devices_event_changelist", "devices_rejectedmessage_changelist"):
        assert device.serial_number not in client.get(reverse(f"admin:{name}")).content.decode()


def test_a_bulk_command_needs_the_permission_even_when_it_is_posted_by_hand(sign_in, rows):
    body = {"action": "send_command", "_selected_action": [rows["device"]], "command": "ProfileList", "confirmed": "1"}
    before = QueuedCommand.objects.count()
    sign_in("viewer").post(reverse("admin:devices_device_changelist"), body)
    assert QueuedCommand.objects.count() == before


def test_whoever_edits_accounts_without_being_superuser_gives_no_rights_and_touches_no_superuser(client, db):
    client.force_login(make_staff("mdm_project.view_user", "mdm_project.change_user"))
    other, boss = make_staff(), make_staff(is_superuser=True)
    body = {
        "username": other.username,
        "is_superuser": "on",
        "is_staff": "on",
        "is_active": "on",
        "email": "x@y.example",
    }
    client.post(reverse("admin:mdm_project_user_change", args=[other.pk]), body)
    other.refresh_from_db()
    assert (other.email, other.is_superuser) == ("x@y.example", False)
    assert client.post(reverse("admin:mdm_project_user_change", args=[boss.pk]), body).status_code == NO
    passwords = {"password1": "a-new-password-1", "password2": "a-new-password-1"}
    assert client.post(reverse("admin:auth_user_password_change", args=[boss.pk]), passwords).status_code == NO


def test_staff_see_only_their_own_api_tokens(client, rows):
    client.force_login(make_staff("mdm_project.view_apitoken"))
    assert client.get(reverse("admin:mdm_project_apitoken_change", args=[rows["token"]])).status_code == NONE
    assert client.post(reverse("admin:mdm_project_apitoken_revoke", args=[rows["token"]])).status_code == NONE


def test_revoking_an_identity_ends_it_with_the_reason(console, rows):
    console.post(reverse("admin:devices_identity_revoke", args=[rows["identity"]]), {"reason": "stolen"})
    identity = Identity.objects.get(pk=rows["identity"])
    assert (identity.is_active, identity.end_reason) == (False, "revoked: stolen")
