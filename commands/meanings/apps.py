"""Apps and books: one of several keys says which is meant, and an acknowledged answer may be a refusal.

Apple: developer.apple.com/documentation/devicemanagement/install-application-command,
.../install-enterprise-application-command, .../install-media-command, .../invite-to-program-command
"""

from commands.meanings import Meaning, meaning
from commands.outcomes import DONE, Outcome, failed, partly

_REJECTED = {
    "AppAlreadyInstalled": "the app is installed already; ChangeManagementState takes management of it",
    "AppAlreadyQueued": "the app is in the queue already",
    "AppStoreDisabled": "the App Store is switched off on the device",
    "CouldNotVerifyAppID": "the App Store does not know the app",
    "ManagementChangeNotSupported": "the device does not let the server take management of this app",
    "NotAnApp": "what was named is not an app",
    "NotSupported": "the device does not support it",
    "PurchaseMethodNotSupported": "the purchase method is not supported: a Mac takes 1 only",
    "PurchaseMethodNotSupportedInMultiUser": "the purchase method is not supported on a Shared iPad",
    "CouldNotVerifyITunesStoreID": "the store does not know the book",
    "PurchaseNotFound": "no license for it is in the history of the person",
    "WrongMediaType": "it is of another kind than was said",
    "DownloadInvalid": "what was downloaded cannot be used",
    "EnterpriseBooksNotSupportedInMultiUser": "a Shared iPad takes no books of the organization",
    "Other": "it gave no reason",
}
_ENDED = {
    "Failed": "the installation failed",
    "Unknown": "the device does not know what became of it",
    "UserRejected": "the person declined the app",
    "UpdateRejected": "the person declined the update",
    "ManagementRejected": "the person declined that the app is managed",
    "UserInstalledApp": "the person installed the app, so it is not managed",
}
_INVITED = {
    "InvalidProgramID": "The device does not know the program.",
    "InvalidInvitationURL": "The address of the invitation is not valid.",
}


def of_installation(content: dict) -> Outcome:
    """Say what an answer with State and RejectionReason amounts to."""
    reason, state = content.get("RejectionReason"), content.get("State")
    if isinstance(reason, str) and reason:
        return failed(f"The device refuses: {_REJECTED.get(reason, 'it names a reason of its own')} ({reason}).")
    if isinstance(state, str) and state in _ENDED:
        return failed(f"Not installed: {_ENDED[state]} ({state}).")
    if state == "NeedsRedemption":
        return partly("It waits for a redemption code: send one with ApplyRedemptionCode.")
    return DONE


def check_address(payload: dict, key: str) -> dict[str, str]:
    address = payload.get(key)
    is_secure = not isinstance(address, str) or address.lower().startswith("https://")
    return {} if is_secure else {key: "must begin with https:"}


def _check_management(payload: dict) -> dict[str, str]:
    if payload.get("ChangeManagementState") and payload.get("InstallAsManaged") is False:
        return {"InstallAsManaged": "must be true where ChangeManagementState is given"}
    return {}


@meaning("InstallApplication")
class InstallApplication(Meaning):
    def check(self, payload):
        if not any(payload.get(key) for key in ("iTunesStoreID", "Identifier", "ManifestURL")):
            return {"Identifier": "or iTunesStoreID or ManifestURL is needed: which app is meant"}
        return check_address(payload, "ManifestURL") | _check_management(payload)

    def outcome(self, content, asked):
        return _after(super().outcome(content, asked), content)


@meaning("InstallEnterpriseApplication")
class InstallEnterpriseApplication(Meaning):
    def check(self, payload):
        if not (payload.get("Manifest") or payload.get("ManifestURL")):
            return {"ManifestURL": "or Manifest is needed: where the app is"}
        if payload.get("Manifest") and payload.get("ManifestURL"):
            return {"Manifest": "or ManifestURL, not both"}
        return check_address(payload, "ManifestURL") | _check_management(payload)

    def outcome(self, content, asked):
        return _after(super().outcome(content, asked), content)


@meaning("InstallMedia")
class InstallMedia(Meaning):
    def check(self, payload):
        if not (payload.get("iTunesStoreID") or payload.get("MediaURL")):
            return {"iTunesStoreID": "or MediaURL is needed: which book is meant"}
        if payload.get("MediaURL") and not payload.get("PersistentID"):
            return {"PersistentID": "is needed with MediaURL: the book is known by it"}
        return check_address(payload, "MediaURL")

    def outcome(self, content, asked):
        return _after(super().outcome(content, asked), content)


@meaning("RemoveMedia")
class RemoveMedia(Meaning):
    def check(self, payload):
        if payload.get("iTunesStoreID") or payload.get("PersistentID"):
            return {}
        return {"PersistentID": "or iTunesStoreID is needed: which book is meant"}


@meaning("InviteToProgram")
class InviteToProgram(Meaning):
    def check(self, payload):
        return check_address(payload, "InvitationURL")

    def outcome(self, content, asked):
        told = content.get("InvitationResult")
        if told == "Acknowledged":
            return super().outcome(content, asked)
        return failed(_INVITED.get(str(told), "The device does not say that the person was invited."))


def _after(outcome: Outcome, content: dict) -> Outcome:
    found = of_installation(content)
    return outcome if found is DONE else found
