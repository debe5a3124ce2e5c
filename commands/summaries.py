"""An answer in one line: what matters of it, never how many values it has where it says something."""

from collections.abc import Callable

from profiles.catalogue.conforming import conform


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
        return _counted(len(items), one, many) if isinstance(items, list | dict) else ""

    return told


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _saying(key: str, words: dict) -> Callable[[dict], str]:
    """Return what stands for the value of a key; a value without words stands for itself."""
    return lambda answer: words.get(answer[key], str(answer[key])) if key in answer else ""


def _having(key: str, words: str) -> Callable[[dict], str]:
    return lambda answer: words if answer.get(key) else ""


def _of_location(answer: dict) -> str:
    accuracy = answer.get("HorizontalAccuracy")
    is_known = isinstance(accuracy, int | float) and accuracy >= 0
    return f"located within {accuracy:,.0f} m" if is_known else "located"


def _of_settings(answer: dict) -> str:
    items = [item for item in answer.get("Settings") or [] if isinstance(item, dict)]
    wrong = [str(item.get("Item") or "one") for item in items if item.get("Status", "Acknowledged") != "Acknowledged"]
    done = _counted(len(items) - len(wrong), "setting done", "settings done")
    return f"{done}, not: {', '.join(wrong)}" if wrong else done if items else ""


def _of_updates(answer: dict) -> str:
    results = [each for each in answer.get("UpdateResults") or [] if isinstance(each, dict)]
    told = (
        f"{each.get('ProductKey', 'update')}: {each.get('Status', each.get('InstallAction', ''))}" for each in results
    )
    return " · ".join(told) or "nothing was scheduled"


def _of_progress(answer: dict) -> str:
    told = []
    for each in answer.get("OSUpdateStatus") or []:
        percent = each.get("DownloadPercentComplete")
        share = f" {percent:.0%}" if isinstance(percent, int | float) else ""
        told.append(f"{each.get('ProductKey', 'update')}: {each.get('Status', '')}{share}")
    return " · ".join(told) or "no update is on its way"


def _of_installation(answer: dict) -> str:
    name = answer.get("Identifier") or answer.get("PersistentID") or answer.get("iTunesStoreID")
    return " · ".join(str(part) for part in (name, answer.get("RejectionReason") or answer.get("State")) if part)


def _of_caching(answer: dict) -> str:
    told = answer.get("StatusResponse") or {}
    return "content caching on" if told.get("Active") else "content caching off" if told else ""


def _of_lom(answer: dict) -> str:
    items = [each for each in answer.get("ResponseList") or [] if isinstance(each, dict)]
    done = sum(each.get("DeviceRequestSuccess") is True for each in items)
    return f"{done} of {_counted(len(items), 'request', 'requests')} carried out"


def _of_restrictions(answer: dict) -> str:
    told = answer.get("GlobalRestrictions") or {}
    number = sum(len(part) for part in told.values() if isinstance(part, dict))
    return _counted(number, "restriction in force", "restrictions in force")


SUMMARIES: dict[str, Callable[[dict], str]] = {
    "DeviceInformation": _of_device,
    "SecurityInfo": _of_security,
    "InstalledApplicationList": _counting("InstalledApplicationList", "app", "apps"),
    "ProfileList": _counting("ProfileList", "profile", "profiles"),
    "ProvisioningProfileList": _counting("ProvisioningProfileList", "provisioning profile", "provisioning profiles"),
    "CertificateList": _counting("CertificateList", "certificate", "certificates"),
    "AvailableOSUpdates": _counting("AvailableOSUpdates", "update", "updates"),
    "ManagedApplicationList": _counting("ManagedApplicationList", "managed app", "managed apps"),
    "ManagedApplicationAttributes": _counting("ApplicationAttributes", "app", "apps"),
    "ManagedApplicationConfiguration": _counting("ApplicationConfigurations", "app", "apps"),
    "ManagedApplicationFeedback": _counting("ManagedApplicationFeedback", "app with feedback", "apps with feedback"),
    "ManagedMediaList": _counting("Books", "book", "books"),
    "UserList": _counting("Users", "user", "users"),
    "ActiveNSExtensions": _counting("Extensions", "extension", "extensions"),
    "NSExtensionMappings": _counting("Extensions", "extension", "extensions"),
    "Restrictions": _of_restrictions,
    "Settings": _of_settings,
    "ScheduleOSUpdate": _of_updates,
    "OSUpdateStatus": _of_progress,
    "ScheduleOSUpdateScan": _saying("ScanInitiated", {True: "looks for updates", False: "does not look for updates"}),
    "DeviceLock": _saying(
        "MessageResult",
        {"Success": "message shown", "NoPasscodeSet": "message not shown: no passcode",
         "DeviceInLostMode": "message not shown: in Lost Mode", "Unknown": "message perhaps not shown"},
    ),
    "DeviceLocation": _of_location,
    "InstallApplication": _of_installation,
    "InstallMedia": _of_installation,
    "InviteToProgram": _saying("InvitationResult", {"Acknowledged": "the person is invited"}),
    "RequestMirroring": _saying("MirroringResult", {"Prompting": "the person is asked"}),
    "SetFirmwarePassword": lambda answer: _saying(
        "PasswordChanged", {True: "password changed", False: "password not changed"}
    )(answer.get("SetFirmwarePassword") or {}),
    "VerifyFirmwarePassword": lambda answer: _of_verified(answer.get("VerifyFirmwarePassword") or {}),
    "VerifyRecoveryLock": lambda answer: _of_verified(answer),
    "RotateFileVaultKey": _having("RotateResult", "a new recovery key came"),
    "ActivationLockBypassCode": _having("ActivationLockBypassCode", "a bypass code came"),
    "RequestUnlockToken": _having("UnlockToken", "an unlock token came"),
    "ContentCachingInformation": _of_caching,
    "LOMDeviceRequest": _of_lom,
    "LOMSetupRequest": _counting("PrimaryIPv6AddressList", "address", "addresses"),
}  # fmt: skip
_of_verified = _saying("PasswordVerified", {True: "password right", False: "password wrong"})
