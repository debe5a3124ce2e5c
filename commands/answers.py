"""What devices answered, for people: a report in readable terms without its secrets, summed up in a line."""

from collections.abc import Callable, Iterable

from commands.models import Report, report_context
from devices.redaction import redact
from mdm_project import plist
from mdm_project.crypto import CannotDecrypt, unseal
from mdm_project.errors import UnreadablePlist
from profiles.catalogue.conforming import conform

ENVELOPE = frozenset(
    {"CommandUUID", "Status", "UDID", "EnrollmentID", "UserID", "EnrollmentUserID", "RequestType"}
    | {"UserShortName", "UserLongName", "NotOnConsole", "EnrollmentUserShortName"}
)


def answer_of(report: Report) -> dict:
    """Return what a report says, without envelope, errors and secrets. Wants ``channel`` loaded."""
    message = read_message(report)
    return {key: value for key, value in message.items() if key not in ENVELOPE and key != "ErrorChain"}


def read_message(report: Report) -> dict:
    """Return the whole message of a report without its secrets. Wants ``channel`` loaded."""
    context = report_context(report.channel.enrollment_key, report.channel.user_key)
    try:
        message, _was_repaired = plist.loads_report(unseal(bytes(report.body_encrypted), context))
    except (CannotDecrypt, UnreadablePlist) as error:
        return {"Unreadable": error.detail}
    return redact(message)


def summaries(reports: Iterable[tuple[int, str]]) -> dict[int, str]:
    """Return one line per report, given (report id, request type) pairs; what was summed up before costs nothing."""
    pairs = list(reports)
    unknown = [pk for pk, _ in pairs if pk not in _known]
    loaded = Report.objects.filter(pk__in=unknown).select_related("channel") if unknown else ()
    types = dict(pairs)
    for report in loaded:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        _known[report.pk] = summarise(types[report.pk], answer_of(report))
    return {pk: _known[pk] for pk, _ in pairs if pk in _known}


# A report never changes, so its summary is kept in the process.
_known: dict[int, str] = {}
MAX_KNOWN = 4000


def summarise(request_type: str, answer: dict) -> str:
    """Return an answer in one line; values of another type than Apple's schema declares do not count."""
    if "Unreadable" in answer:
        return f"cannot be read: {answer['Unreadable']}"
    answer, _misfits = conform(request_type, answer)
    told = SUMMARIES.get(request_type, lambda _: "")(answer)
    if told:
        return told
    number = len(answer)
    return ("1 value" if number == 1 else f"{number} values") if answer else ""


def _of_device(answer: dict) -> str:
    values = answer.get("QueryResponses") or {}
    system = " ".join(filter(None, [str(values.get("OSVersion") or ""), f"({values.get('BuildVersion')})"]))
    parts = [values.get("DeviceName"), values.get("ModelName") or values.get("Model"), system]
    if isinstance(values.get("BatteryLevel"), float | int) and values["BatteryLevel"] >= 0:
        parts.append(f"battery {values['BatteryLevel']:.0%}")
    return " · ".join(str(part) for part in parts if part) if values else ""


def _of_security(answer: dict) -> str:
    values = answer.get("SecurityInfo") or {}
    words = [
        ("PasscodePresent", "passcode set", "no passcode"),
        ("PasscodeCompliant", "compliant", "not compliant"),
        ("FDE_Enabled", "FileVault on", "FileVault off"),
    ]
    return " · ".join(yes if values[key] else no for key, yes, no in words if key in values)


def _counting(key: str, one: str, many: str) -> Callable[[dict], str]:
    def told(answer: dict) -> str:
        items = answer.get(key)
        return f"{len(items)} {one if len(items) == 1 else many}" if isinstance(items, list) else ""

    return told


SUMMARIES: dict[str, Callable[[dict], str]] = {
    "DeviceInformation": _of_device,
    "SecurityInfo": _of_security,
    "InstalledApplicationList": _counting("InstalledApplicationList", "app", "apps"),
    "ProfileList": _counting("ProfileList", "profile", "profiles"),
    "CertificateList": _counting("CertificateList", "certificate", "certificates"),
    "AvailableOSUpdates": _counting("AvailableOSUpdates", "update", "updates"),
    "ManagedApplicationList": lambda answer: f"{len(answer.get('ManagedApplicationList') or {})} managed apps",
}
