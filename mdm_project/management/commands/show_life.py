"""Have pretend devices show what happens in the life of real ones, so that every page has something to show.

Everything goes through the services that staff use, and what devices answer is theirs: one Mac turns FileVault on and
hands its recovery key over, one is locked and waits for its PIN, one profile is proven everywhere, and one that devices
refuse halts its rollout. What was begun at an earlier start is not begun again.
"""

import json
import time

from django.conf import settings
from django.core.management.base import BaseCommand

from commands.asking import ask
from commands.models import Command as AskedCommand
from commands.models import QueuedCommand
from commands.workflows.models import Workflow
from commands.workflows.services import start_workflow
from devices.groups import create_group, evaluate_groups
from devices.models import Channel, Device, EscrowedSecret, Group
from devices.timeline import Actor
from mdm_project import plist
from mdm_project.errors import EspalierError
from profiles.assigning import create_assignment
from profiles.composing import create_profile
from profiles.models import Profile
from profiles.versions import publish

DEMO = Actor("demo")
MAC = Device.Platform.MACOS
REASON = "reported stolen from a train; shown by the demo"
WAIT_S, LOOK_EVERY_S = 180, 5
GROUP = "Phones, tablets and Macs"
RULE = {
    "any": [{"fact": "platform", "is": "is", "value": platform} for platform in ("ios", "ipados", "macos")]
}  # fmt: skip
WIFI = {
    "PayloadType": "com.apple.wifi.managed", "SSID_STR": "Office", "EncryptionType": "WPA2",
    "Password": "correct horse battery", "AutoJoin": True,
}  # fmt: skip
# A font as web pages take it, which devices do not: what happens to whoever uploads the wrong file.
FONT = {"PayloadType": "com.apple.font", "Name": "Corporate Sans", "Font": b"wOF2" + bytes(60)}


class Command(BaseCommand):
    help = "Show life on the pretend devices of a demo: an escrowed key, a locked Mac, profiles, a halted rollout."

    def handle(self, **options):
        if not settings.DEMO_DEVICES or settings.IS_PRODUCTION:
            return
        if not _wait_for(lambda: Device.objects.enrolled().count() >= min(settings.DEMO_DEVICES, 5)):
            return
        for show in (_give_profiles, _lock_a_mac, _encrypt_a_mac):
            try:
                show()
            except EspalierError as error:
                self.stderr.write(f"the demo goes on without {show.__name__.strip('_')}: {error.detail}")


def _wait_for(is_so) -> bool:
    """Look again and again; return whether it came to be."""
    ends_at = time.monotonic() + WAIT_S
    while not is_so():
        if time.monotonic() > ends_at:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


# Profiles


def _give_profiles() -> None:
    group = Group.objects.filter(name=GROUP).first()
    if group is None:
        group = create_group(GROUP, actor=DEMO, kind=Group.Kind.SMART, rule=RULE, description="Made by the demo.")
        evaluate_groups([group.pk])
    _give("Office Wi-Fi", "org.example.demo.wifi", WIFI, group)
    stages = {"stages": [50, 100], "stage_hours": 24, "failure_threshold_percent": 20}
    _give("Corporate font", "org.example.demo.font", FONT, group, **stages)


def _give(name: str, identifier: str, payload: dict, group: Group, **how) -> None:
    if Profile.objects.filter(identifier=identifier).exists():
        return
    profile = create_profile(
        name, actor=DEMO, identifier=identifier, payloads=[plist.to_json(payload)], description="Made by the demo."
    )
    publish(profile, DEMO, "first version")
    create_assignment(profile, include=[group], actor=DEMO, **how)


# Macs


def _lock_a_mac() -> None:
    """Lock the Mac whose person is away, so that nobody enters the PIN by themselves."""
    roster = settings.DATA_DIR / "simulator" / "roster.json"
    rows = json.loads(roster.read_text()) if roster.exists() else []
    away = [row["serial_number"] for row in rows if row.get("is_away")]
    macs = Device.objects.filter(serial_number__in=away, platform=MAC)
    channels = Channel.objects.filter(device__in=macs, user_key="").order_by("pk")[:1]
    if AskedCommand.objects.filter(request_type="DeviceLock", actor=DEMO.name).exists():
        return
    if _wait_for(lambda: macs.enrolled().exists()):
        chosen = Channel.objects.filter(pk__in=list(channels.values_list("pk", flat=True)))
        ask("DeviceLock", {"Message": "Please call the helpdesk."}, chosen, actor=DEMO, reason=REASON, confirmed=1)


def _encrypt_a_mac() -> None:
    """Turn FileVault on where it is off; the key comes with the SecurityInfo after somebody has logged in."""
    workflow = Workflow.objects.filter(kind="enable_filevault", actor=DEMO.name).order_by("pk").first()
    if workflow is None:
        open_macs = Device.objects.enrolled().filter(platform=MAC, is_encrypted=False, is_awaiting_configuration=False)
        if not _wait_for(open_macs.exists):
            return
        device = open_macs.order_by("pk").first()
        workflow = start_workflow("enable_filevault", device, {"deferrals": 0}, actor=DEMO, reason="company policy")
    keys = EscrowedSecret.objects.filter(device=workflow.device_id, kind="filevault_recovery_key", is_current=True)
    _wait_for(lambda: keys.exists() or _ask_security(workflow.device_id))


def _ask_security(device_id: int) -> bool:
    """Ask the Mac again, unless it still has something to answer; nothing is proven by that."""
    waiting = QueuedCommand.objects.waiting().filter(channel__device=device_id)
    channels = Channel.objects.filter(device=device_id, user_key="").exclude(queue__in=waiting)
    if channels.exists():
        ask("SecurityInfo", {}, channels, actor=DEMO, reason="has the recovery key come?")
    return False
