"""The account of a new Mac, made while its Setup Assistant waits: names for the person, and an administrator of ours.

Works only while the Mac awaits its configuration (Automated Device Enrollment); the Mac is released at the end, also
when it is set up already.

Apple: developer.apple.com/documentation/devicemanagement/account-configuration-command
"""

from datetime import timedelta

from commands.workflows.definition import START_ANEW, Again, Definition, Done, Outcome, Parameter, Step, Wait
from commands.workflows.run import Run, all_acknowledged
from devices.models import Device


def _refusal(device: Device) -> str:
    return "" if device.platform == Device.Platform.MACOS else "Only Macs have accounts to set up."


def _ask_state(run: Run) -> Outcome | None:
    if run.device.is_awaiting_configuration:
        return Done("Setup Assistant waits", is_needless=True)
    run.ask("DeviceInformation", {"Queries": ["AwaitingConfiguration"]})
    return None


def _awaits(run: Run) -> Outcome:
    outcome = all_acknowledged(run)
    if isinstance(outcome, Wait):
        return outcome
    if run.device.is_awaiting_configuration:
        return Done("Setup Assistant waits")
    return Again("The Mac is not in Setup Assistant.", timedelta(minutes=30))


def _configure(run: Run) -> None:
    given = run.parameters
    payload: dict = {"SkipPrimarySetupAccountCreation": False}
    if given["full_name"] or given["short_name"]:
        payload |= {"PrimaryAccountFullName": given["full_name"], "PrimaryAccountUserName": given["short_name"]}
        payload["LockPrimaryAccountInfo"] = given["lock_names"]
    payload["SetPrimarySetupAccountAsRegularUser"] = bool(given["admin_short_name"]) and not given["person_is_admin"]
    if given["admin_short_name"]:
        payload["AutoSetupAdminAccounts"] = [
            {
                "shortName": given["admin_short_name"],
                "fullName": given["admin_full_name"],
                "hidden": given["hide_admin"],
            }
        ]
    run.ask("AccountConfiguration", payload)


def _check(values: dict) -> dict[str, str]:
    if bool(values["full_name"]) != bool(values["short_name"]):
        missing = "short_name" if values["full_name"] else "full_name"
        return {missing: "is needed with the other name"}
    return {}


MAC_ACCOUNT = Definition(
    kind="mac_account",
    title="Set up the account of a new Mac",
    tells="Names for its person and an administrator with an escrowed password, while Setup Assistant waits",
    icon="person_add",
    refusal=_refusal,
    check=_check,
    parameters=(
        Parameter("full_name", "Full name of the person", maximum=100),
        Parameter("short_name", "Account name of the person", maximum=50),
        Parameter("lock_names", "The person cannot change these names", "switch", default=False),
        Parameter("person_is_admin", "The person is an administrator", "switch", default=False),
        Parameter(
            "admin_short_name", "Account name of our administrator", maximum=50,
            help="Empty: none is made. Its password is generated and escrowed.",
        ),
        Parameter("admin_full_name", "Full name of our administrator", maximum=100, default="Administrator"),
        Parameter("hide_admin", "Hide our administrator", "switch", default=True),
    ),
    steps=(
        Step("await", "Wait for Setup Assistant", _ask_state, _awaits),
        Step("configure", "Set up the accounts", _configure),
        Step("release", "Let Setup Assistant go on", lambda run: run.ask("DeviceConfigured")),
    ),
    on_reenrollment=START_ANEW,
    needs=lambda values: ("AccountConfiguration", "DeviceConfigured"),
)  # fmt: skip
