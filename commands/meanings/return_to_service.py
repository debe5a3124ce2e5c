"""Return to Service: an erased device sets itself up again and comes back, touched by nobody.

Apple wants an enrollment profile and, where there is no other network, one for Wi-Fi. Both are put into each device's
own command: its enrollment profile with a challenge that only this device can use, once, and the Wi-Fi profile of ours
that was chosen by its id, rendered for the device. Keys of ours stand for that in the payload: ``WiFiProfile`` (id) and
``WithoutWiFi`` (it has another network). What would strand the device is refused. Making enrollment profiles is the
business of whoever registers it here (enrollment.returning).

Apple: developer.apple.com/documentation/devicemanagement/erase-device-command, .../returntoservice
"""

from collections.abc import Callable, Iterable
from datetime import timedelta

from commands.meanings import Candidate
from devices.models import Channel
from mdm_project import plist
from mdm_project.errors import BadRequest
from profiles import catalogue
from profiles.catalogue.availability import evaluate
from profiles.models import ProfileVersion
from profiles.rendering import render_each

WIFI = "com.apple.wifi.managed"
OWN_KEYS = ("WiFiProfile", "WithoutWiFi")
OWN_PATHS = tuple(f"ReturnToService.{key}" for key in OWN_KEYS)
_EMBEDDED = ("WiFiProfileData", "MDMProfileData")
# A device that is given the command later than this could not use what comes with it any more.
LIFETIME = timedelta(days=30)

Judge = Callable[[Iterable[int]], dict[int, str]]
Maker = Callable[[Iterable[int], timedelta], dict[int, bytes]]
_providers: list[tuple[Judge, Maker]] = []


def provide_enrollment(refusals: Judge, make: Maker) -> None:
    """Register who judges and makes enrollment profiles for devices that come back, by the ids of their enrollments."""
    _providers[:] = [(refusals, make)]


def is_wished(payload: dict | None) -> bool:
    service = (payload or {}).get("ReturnToService")
    return isinstance(service, dict) and service.get("Enabled") is True


def check(service: dict | None) -> dict[str, str]:
    """Return what is wrong with it for any device: a profile that cannot be read would leave it in Setup Assistant."""
    service = service or {}
    given = {key: service[key] for key in _EMBEDDED if service.get(key) is not None}
    problems = {key: "is not a configuration profile" for key, data in given.items() if not _is_profile(data)}
    if "WiFiProfile" in service:
        problems |= _check_choice(service)
    if not isinstance(service.get("WithoutWiFi", False), bool):
        problems["WithoutWiFi"] = "must be true or false"
    return {f"ReturnToService.{key}": why for key, why in problems.items()}


def _check_choice(service: dict) -> dict[str, str]:
    if "WiFiProfileData" in service:
        return {"WiFiProfile": "cannot be given beside WiFiProfileData"}
    version = chosen_version(service["WiFiProfile"])
    if version is None:
        return {"WiFiProfile": "is not the id of a published profile"}
    return {} if WIFI in version.payload_types else {"WiFiProfile": "is a profile without a Wi-Fi network"}


def chosen_version(profile_id) -> ProfileVersion | None:
    """Return the newest version of the profile that is meant, if it was published and is in use."""
    if not isinstance(profile_id, int) or isinstance(profile_id, bool) or not 0 < profile_id < 2**63:
        return None
    versions = ProfileVersion.objects.filter(profile=profile_id, profile__is_archived=False)
    return versions.select_related("profile").order_by("-number").first()


def _is_profile(data: bytes) -> bool:
    if data[:1] == b"\x30":  # signed
        return True
    try:
        return plist.loads(data).get("PayloadType") == "Configuration"
    except (BadRequest, AttributeError):
        return False


def refusals(candidates: list[Candidate], payload: dict) -> dict[int, str]:
    """Return, by channel id, which devices would be stranded, and why."""
    service = payload["ReturnToService"]
    has_network = bool(service.get("WiFiProfileData") or service.get("WiFiProfile") or service.get("WithoutWiFi"))
    keeps_plan = payload.get("PreserveDataPlan") is True
    said = {candidate.channel_id: _stranded(candidate, has_network, keeps_plan) for candidate in candidates}
    for words in (_without_profile(candidates, service), _not_rendered(candidates, service)):
        said |= {pk: why for pk, why in words.items() if not said[pk]}
    return {pk: why for pk, why in said.items() if why}


def _stranded(candidate: Candidate, has_network: bool, keeps_plan: bool) -> str:
    support = next(key for key in catalogue.command("EraseDevice").keys if key.name == "ReturnToService").support
    if not candidate.platform or not candidate.target.version:
        return "Return to Service: its OS version is not known, and older ones would not come back"
    availability = evaluate(support, candidate.target)
    if availability.reasons or not availability.is_stated:
        why = availability.reasons[0].message if availability.reasons else "not available on this platform"
        return f"Return to Service: {why}; this is {candidate.target.words} {candidate.target.version}"
    if candidate.information.get("IsActivationLockEnabled") is True:
        return "Return to Service: Activation Lock is on, and the device would stop at it"
    if has_network or (keeps_plan and _has_service(candidate.information)):
        return ""
    if _has_service(candidate.information):
        # Whether the plan is on a card or an eSIM, which erasing takes, is not told for sure.
        return (
            "Return to Service: erasing takes an eSIM; keep its data plan (PreserveDataPlan), or choose a Wi-Fi profile"
        )
    return "Return to Service: it would have no network; choose a Wi-Fi profile, or say that it has another one"


def _has_service(information: dict) -> bool:
    """Tell whether a mobile network served the device when it last told of itself."""
    cards = information.get("ServiceSubscriptions")
    own = [card for card in cards if isinstance(card, dict)] if isinstance(cards, list) else []
    return any(it.get("ICCID") and it.get("CurrentMNC", it.get("CurrentCarrierNetwork")) for it in (information, *own))


def _without_profile(candidates: list[Candidate], service: dict) -> dict[int, str]:
    if service.get("MDMProfileData"):
        return {}
    ids = {candidate.enrollment_id for candidate in candidates}
    said = _providers[0][0](ids) if _providers else dict.fromkeys(ids, "nobody here makes enrollment profiles")
    return {
        candidate.channel_id: f"Return to Service: {said[candidate.enrollment_id]}"
        for candidate in candidates
        if candidate.enrollment_id in said
    }


def _not_rendered(candidates: list[Candidate], service: dict) -> dict[int, str]:
    rendered = _rendered(candidates, service)
    return {it.channel.pk: f"Return to Service: {it.error.detail}" for it in rendered if it.error}


def _rendered(candidates: list[Candidate], service: dict) -> list:
    version = chosen_version(service.get("WiFiProfile"))
    if version is None:
        return []
    channels = Channel.objects.filter(pk__in=[candidate.channel_id for candidate in candidates])
    return list(render_each(version, channels.select_related("device").order_by("id")))


def services(candidates: list[Candidate], service: dict) -> dict[int, dict]:
    """Return the ReturnToService of each device as Apple documents it, by channel id."""
    apples = {key: value for key, value in service.items() if key not in OWN_KEYS}
    made = {candidate.channel_id: dict(apples) for candidate in candidates}
    for it in _rendered(candidates, service):
        made[it.channel.pk]["WiFiProfileData"] = it.body
    if not service.get("MDMProfileData"):
        profiles = _providers[0][1]([candidate.enrollment_id for candidate in candidates], LIFETIME)
        for candidate in candidates:
            made[candidate.channel_id]["MDMProfileData"] = profiles[candidate.enrollment_id]
    return made
