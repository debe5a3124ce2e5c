"""OS updates by command: the answer says for each update whether it was scheduled, and whether a search began.

Apple: developer.apple.com/documentation/devicemanagement/schedule-os-update-command,
.../schedule-os-update-scan-command
"""

from commands.error_words import words_of
from commands.meanings import Meaning, meaning
from commands.outcomes import DONE, failed, of_items

_NOTHING = "No update was scheduled: the device finds none that fits what was asked. It may have the newest."
_STATES = {
    "DownloadFailed": "the download failed",
    "DownloadRequiresComputer": "it can only be downloaded by a computer that the device is connected to",
    "DownloadInsufficientSpace": "there is too little space to download it",
    "DownloadInsufficientPower": "there is too little power to download it: connect the device to power",
    "DownloadInsufficientNetwork": "the network does not do for the download: connect the device to Wi-Fi",
    "InstallInsufficientSpace": "there is too little space to install it",
    "InstallInsufficientPower": "there is too little power to install it: connect the device to power",
    "InstallPhoneCallInProgress": "a phone call was going on",
    "InstallFailed": "the installation failed",
}


@meaning("ScheduleOSUpdate")
class ScheduleOSUpdate(Meaning):
    def check(self, payload):
        updates = payload.get("Updates") or []
        if not updates:
            return {"Updates": "names no update"}
        return {
            f"Updates.{index}.ProductKey": "or ProductVersion is needed: which update is meant"
            for index, update in enumerate(updates)
            if not (update.get("ProductKey") or update.get("ProductVersion"))
        }

    def outcome(self, content, asked):
        results = content.get("UpdateResults")
        if not isinstance(results, list):
            return super().outcome(content, asked)
        return of_items((_problem(each) for each in results if isinstance(each, dict)), nothing=_NOTHING)


def _problem(result: dict) -> str:
    """Say what is wrong with one update, or nothing."""
    chain, state = result.get("ErrorChain"), result.get("Status")
    state = state if isinstance(state, str) else ""
    if result.get("InstallAction") != "Error" and state not in _STATES and not chain:
        return ""
    why = [_STATES[state]] if state in _STATES else []
    if chain or not why:
        why.append(words_of(chain if isinstance(chain, list) else None))
    key = result.get("ProductKey")
    told = ". ".join(why)
    return f"{key if isinstance(key, str) and key else 'The update'}: {told}{'' if told.endswith((')', '.')) else '.'}"


@meaning("ScheduleOSUpdateScan")
class ScheduleOSUpdateScan(Meaning):
    def outcome(self, content, asked):
        return DONE if content.get("ScanInitiated") is True else failed("The device did not begin to look for updates.")
