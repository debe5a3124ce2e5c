"""The administrator account that Setup Assistant makes for us: its password is made up, escrowed, and sent as a hash.

Apple: developer.apple.com/documentation/devicemanagement/account-configuration-command,
.../set-auto-admin-password-command
"""

from commands.interpreters import REFUSED, interprets
from commands.meanings import Candidate, Meaning, Prepared, meaning
from commands.meanings.escrowing import confirm_reported, reject_reported
from commands.meanings.passwords import make_password, password_hash
from devices.models import EscrowedSecret

PASSWORD = EscrowedSecret.Kind.LOCAL_ADMIN_PASSWORD


@meaning("AccountConfiguration")
class AccountConfiguration(Meaning):
    def check(self, payload):
        if payload.get("SkipPrimarySetupAccountCreation") and not payload.get("AutoSetupAdminAccounts"):
            return {"AutoSetupAdminAccounts": "is needed where no other account is created"}
        if payload.get("SetPrimarySetupAccountAsRegularUser") and not payload.get("AutoSetupAdminAccounts"):
            return {"AutoSetupAdminAccounts": "is needed where the person is no administrator"}
        return {}

    def prepare(self, candidates, payload):
        """Make up a password a Mac for accounts that bring no hash of their own."""
        accounts = payload.get("AutoSetupAdminAccounts") or []
        if all("passwordHash" in account for account in accounts):
            return {}
        return {candidate.channel_id: _with_passwords(accounts) for candidate in candidates}


def _with_passwords(accounts: list[dict]) -> Prepared:
    password = make_password()
    filled = [
        account if "passwordHash" in account else {**account, "passwordHash": password_hash(password)}
        for account in accounts
    ]
    return Prepared({"AutoSetupAdminAccounts": filled}, [(PASSWORD, password.encode())])


@meaning("SetAutoAdminPassword")
class SetAutoAdminPassword(Meaning):
    filled_keys = ("GUID", "passwordHash")

    def refusal(self, candidate, payload):
        if "GUID" in (payload or {}) or _account_of(candidate):
            return ""
        return "the Mac names no administrator account that its Setup Assistant made for us"

    def prepare(self, candidates, payload):
        prepared = {}
        for candidate in candidates:
            it = Prepared()
            if "GUID" not in payload:
                it.keys["GUID"] = _account_of(candidate)
            if "passwordHash" not in payload:
                password = make_password()
                it.keys["passwordHash"] = password_hash(password)
                it.secrets.append((PASSWORD, password.encode()))
            if it.keys:
                prepared[candidate.channel_id] = it
        return prepared


def _account_of(candidate: Candidate) -> str:
    """Return the GUID of the account, from DeviceInformation."""
    accounts = candidate.information.get("AutoSetupAdminAccounts")
    accounts = accounts if isinstance(accounts, list) else []
    guids = [account.get("GUID") for account in accounts if isinstance(account, dict)]
    return next((guid for guid in guids if isinstance(guid, str) and guid), "")


interprets("AccountConfiguration", "SetAutoAdminPassword")(confirm_reported)
interprets("AccountConfiguration", "SetAutoAdminPassword", statuses=REFUSED)(reject_reported)
