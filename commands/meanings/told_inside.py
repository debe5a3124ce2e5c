"""Commands with a rule that Apple states in prose, or with an answer that says inside whether it was done.

Apple: developer.apple.com/documentation/devicemanagement/request-mirroring-command, .../delete-user-command,
.../lom-device-request-command, .../request-unlock-token-command
"""

from commands.meanings import Meaning, meaning
from commands.meanings.apps import check_address
from commands.outcomes import DONE, failed, of_items

_MIRRORING = {
    "DestinationNotFound": "The device did not find the destination.",
    "Cancelled": "The person declined to share the screen.",
    "Unknown": "The device does not say why the screen is not shared.",
}


@meaning("RequestMirroring")
class RequestMirroring(Meaning):
    def check(self, payload):
        if not (payload.get("DestinationName") or payload.get("DestinationDeviceID")):
            return {"DestinationName": "or DestinationDeviceID is needed: where the screen is to be shown"}
        if not 10 <= payload.get("ScanTime", 30) <= 300:
            return {"ScanTime": "must be from 10 to 300 seconds"}
        return {}

    def outcome(self, content, asked):
        told = content.get("MirroringResult", "Prompting")
        if told == "Prompting":
            return super().outcome(content, asked)
        return failed(_MIRRORING.get(str(told), _MIRRORING["Unknown"]))


@meaning("DeleteUser")
class DeleteUser(Meaning):
    def check(self, payload):
        if payload.get("UserName") and payload.get("DeleteAllUsers"):
            return {"UserName": "or DeleteAllUsers, not both"}
        if payload.get("UserName") or payload.get("DeleteAllUsers"):
            return {}
        return {"UserName": "is needed unless DeleteAllUsers is true"}

    def refusal(self, candidate, payload):
        is_all = (payload or {}).get("DeleteAllUsers") is True
        return "on a Mac each user is deleted by name" if is_all and candidate.is_mac else ""


@meaning("RefreshCellularPlans")
class RefreshCellularPlans(Meaning):
    def check(self, payload):
        return check_address(payload, "eSIMServerURL")


@meaning("RequestUnlockToken")
class RequestUnlockToken(Meaning):
    def outcome(self, content, asked):
        token = content.get("UnlockToken")
        return DONE if isinstance(token, bytes) and token else failed("The device gave no unlock token.")


@meaning("LOMDeviceRequest")
class LOMDeviceRequest(Meaning):
    def check(self, payload):
        return {} if payload.get("RequestList") else {"RequestList": "names no request"}

    def outcome(self, content, asked):
        told = content.get("ResponseList")
        if not isinstance(told, list):
            return super().outcome(content, asked)
        items = (each for each in told if isinstance(each, dict))
        return of_items(map(_refused_request, items), nothing="The answer names no request.")


def _refused_request(item: dict) -> str:
    if item.get("DeviceRequestSuccess") is True:
        return ""
    why = item.get("DeviceRequestReturnError")
    return f"A request was not carried out: {why if isinstance(why, str) and why else 'no reason was given'}."


@meaning("RestartDevice")
class RestartDevice(Meaning):
    def check(self, payload):
        if payload.get("KextPaths") and not payload.get("RebuildKernelCache"):
            return {"RebuildKernelCache": "must be true where KextPaths are given"}
        return {}
