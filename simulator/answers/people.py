"""People's accounts on a device, and the end of Setup Assistant.

Owns the accounts a Mac or a Shared iPad tells of. Apple: AccountConfigurationCommand, DeviceConfiguredCommand,
UserListCommand, DeleteUserCommand, LogOutUserCommand, UnlockUserAccountCommand.
"""

import uuid
from typing import TYPE_CHECKING

from simulator.answers import Answer, Malformed, command
from simulator.answers.start_passwords import check_password_hash
from simulator.chains import MDM, MDM_CLIENT, refuse
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice

FIRST_UID = 501
# What is said of the person's own account, with what holds where nothing is said.
PRIMARY_KEYS = {
    "PrimaryAccountFullName": "",
    "PrimaryAccountUserName": "",
    "LockPrimaryAccountInfo": False,
    "SetPrimarySetupAccountAsRegularUser": False,
    "SkipPrimarySetupAccountCreation": False,
}


@command("AccountConfiguration")
def account_configuration(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    _need_setup_assistant(device, "AccountConfiguration")
    accounts = content.get("AutoSetupAdminAccounts", [])
    if content.get("SkipPrimarySetupAccountCreation") and not accounts:
        raise refuse(
            MDM_CLIENT, 97, "No 'AutoSetupAdminAccounts' in 'AccountConfiguration' command <MDMClientError:97>"
        )
    for account in accounts:
        if "passwordHash" not in account:
            raise refuse(MDM_CLIENT, 97, "No 'passwordHash' in 'AutoSetupAdminAccounts' <MDMClientError:97>")
        check_password_hash(account["passwordHash"])
    device.state.primary_account = {
        key: value for key, value in content.items() if key in PRIMARY_KEYS and value != PRIMARY_KEYS[key]
    }
    device.state.admin_accounts = [
        account
        | {"GUID": str(uuid.uuid5(uuid.NAMESPACE_OID, device.state.hardware.udid + account["shortName"])).upper()}
        for account in accounts
    ]
    return {}


def _guid(device: "PretendDevice", short_name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, device.state.hardware.udid + short_name)).upper()


def _need_setup_assistant(device: "PretendDevice", request_type: str) -> None:
    if not device.state.is_awaiting_configuration:
        raise refuse(MDM, 12021, f"“{request_type}” is taken only while the device awaits its configuration.")


@command("DeviceConfigured", may_defer=False)
def device_configured(device: "PretendDevice", channel: Channel, content: dict) -> Answer:
    """Let Setup Assistant go on; the device tells of it with a TokenUpdate."""
    _need_setup_assistant(device, "DeviceConfigured")
    device.state.is_awaiting_configuration = False
    return Answer(afterwards=lambda: device.update_token(channel))


@command("UserConfigured")
def user_configured(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    if not channel.is_user:
        raise refuse(MDM, 12021, "“UserConfigured” is for the user channel of a Shared iPad.")
    return {}


@command("UserList")
def user_list(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    state = device.state
    if not state.hardware.is_mac:
        users = [{"UserName": name, "IsLoggedIn": False, "HasDataToSync": False} for name in state.other_users]
        return {"Users": [user | {"DataQuota": 2 * 1024**3, "DataUsed": 1024**2} for user in users]}
    guid = next((one.user_id for one in device.user_channels), device.owner_guid)
    users = [_mac_user(state.owner_short_name, state.owner_name, FIRST_UID, guid) | {"IsLoggedIn": True}]
    for uid, name in enumerate(state.other_users, FIRST_UID + 1):
        users.append(_mac_user(name, name.title(), uid, _guid(device, name)))
    return {"Users": users}


def _mac_user(name: str, full_name: str, uid: int, guid: str) -> dict:
    names = {"UserName": name, "FullName": full_name, "UID": uid, "UserGUID": guid}
    return names | {"IsLoggedIn": False, "MobileAccount": False, "HasSecureToken": True}


@command("DeleteUser")
def delete_user(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    state = device.state
    if content.get("DeleteAllUsers") and not state.hardware.is_mac:
        state.other_users = []
        return {}
    if "UserName" not in content:
        raise Malformed("neither UserName nor DeleteAllUsers is there")
    if state.hardware.is_mac and content["UserName"] == state.owner_short_name:
        raise refuse(MDM, 12072, f"The user “{content['UserName']}” is logged in and cannot be deleted.")
    if content["UserName"] not in state.other_users:
        raise refuse(MDM, 12071, f"The user “{content['UserName']}” does not exist.")
    state.other_users.remove(content["UserName"])
    return {}


@command("LogOutUser")
def log_out_user(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    device.events.append("user logged out")
    return {}


@command("UnlockUserAccount")
def unlock_user_account(device: "PretendDevice", channel: Channel, content: dict) -> dict:
    if content["UserName"] not in (device.state.owner_short_name, *device.state.other_users):
        raise refuse(MDM, 12071, f"The user “{content['UserName']}” does not exist.")
    return {}
