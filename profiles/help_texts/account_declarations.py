"""Words on the keys of declarations that set up accounts."""

_CREDENTIALS = "Identifier of the asset with user name and password. Left out, the user is asked."
_IDENTITY_OF_USER = "Identifier of the asset with the user's name and address."


def _server(of: str, name: str, credentials: str = _CREDENTIALS) -> dict[str, str]:
    return {
        "VisibleName": "Name of the account as users see it. Left out, the device makes one up.",
        "HostName": f"Name or address of the {of} server.",
        "Port": "Port of the server. Left out, the usual one.",
        "Path": f"Path on the server below which the {name} are. Left out, the device looks for it.",
        "AuthenticationCredentialsAssetReference": credentials,
    }


def _signing(path: str, what: str) -> dict[str, str]:
    return {f"{path}.{name}": text for name, text in {
        "Enabled": f"Yes {what}.",
        "UserOverrideable": "Yes lets the user change that in Settings.",
        "IdentityUserOverrideable": "Yes lets the user choose another identity in Settings.",
    }.items()}  # fmt: skip


_SMIME = {
    "SMIME": "Signed and encrypted mail.",
    "SMIME.Signing": "Signatures of mail that this account sends.",
    **_signing("SMIME.Signing", "signs all mail that is sent"),
    "SMIME.Signing.IdentityAssetReference": "Identifier of the asset with the identity that signs.",
    "SMIME.Encryption": "Encryption of mail that this account sends.",
    **_signing("SMIME.Encryption", "encrypts mail wherever the recipient's certificate is known"),
    "SMIME.Encryption.IdentityAssetReference": "Identifier of the asset with the identity that mail is encrypted to. "
    "Its certificate goes out with each message, so that others can write back encrypted.",
    "SMIME.Encryption.PerMessageSwitchEnabled": "Yes gives users a lock to tap while they write a message.",
}


def _service(name: str, what: str) -> dict[str, str]:
    return {
        f"{name}ServiceActive": f"No leaves {what} out of the account.",
        f"Lock{name}Service": f"Yes keeps the user from turning {what} of the account on or off.",
    }


def _mail_server(path: str, which: str, ports: str) -> dict[str, str]:
    return {f"{path}.{name}": text for name, text in {
        "HostName": f"Server that mail {which}.",
        "Port": f"Port of the server, usually {ports}. Left out, the device finds it out.",
        "AuthenticationMethod": "How the account signs in to this server. None: without a name and password.",
        "AuthenticationCredentialsAssetReference": "Identifier of the asset with user name and password. Needed "
        "unless the method is None, and not allowed then.",
    }.items()}  # fmt: skip


TEXTS: dict[str, dict[str, str]] = {
    "configuration-account-caldav": _server("CalDAV", "calendars"),
    "configuration-account-carddav": _server("CardDAV", "contacts"),
    "configuration-account-exchange": {
        "VisibleName": "Name of the account as users see it. Left out, the device makes one up.",
        "EnabledProtocolTypes": "Ways to talk to the server, the preferred one first. The device takes the first that "
        "it knows, and reports an error when it knows none.",
        "EnabledProtocolTypes.[]": "EAS: ActiveSync, as iPhones and iPads do; EWS: Exchange Web Services, as Macs do.",
        "UserIdentityAssetReference": _IDENTITY_OF_USER,
        "HostName": "Name or address of the Exchange server. Left out, it is found by the mail address.",
        "Port": "Port of the server for EWS; goes with the host name.",
        "Path": "Path on the server for EWS; goes with the host name.",
        "ExternalHostName": "Name or address of the server for EWS from outside the organization's network.",
        "ExternalPort": "Port of the server for EWS from outside; goes with the external host name.",
        "External Path": "Path on the server for EWS from outside; goes with the external host name.",
        "OAuth": "Sign-in on a web page, as Microsoft 365 wants it.",
        "OAuth.Enabled": "Yes signs in on a web page in place of a password.",
        "OAuth.SignInURL": "Page to sign in on; the host name is needed with it. Left out, it is found by itself.",
        "OAuth.TokenRequestURL": "Address for tokens; counts only where sign-in on a web page is on.",
        "AuthenticationCredentialsAssetReference": _CREDENTIALS,
        "AuthenticationIdentityAssetReference": "Identifier of the asset with the identity to sign in with. "
        "Left out, no certificate is shown.",
        **_SMIME,
        **_service("Mail", "mail"),
        **_service("Contacts", "contacts"),
        **_service("Calendar", "calendars"),
        **_service("Reminders", "reminders"),
        **_service("Notes", "notes"),
    },
    "configuration-account-google": {
        "VisibleName": "Name of the account as users see it. Left out, the device makes one up.",
        "UserIdentityAssetReference": "Identifier of the asset that says whose account it is. It must hold the full "
        "Google address.",
    },
    "configuration-account-ldap": {
        "VisibleName": "Name of the account as users see it. Left out, the device makes one up.",
        "HostName": "Name or address of the directory's server.",
        "Port": "Port of the server. Left out, the usual one.",
        "AuthenticationCredentialsAssetReference": "Identifier of the asset with user name and password.",
        "SearchSettings": "Where in the directory to look for people; without any the account finds nobody. A Mac "
        "takes one and leaves the others.",
        "SearchSettings.[]": "One place to look in.",
        "SearchSettings.[].VisibleDescription": "Name of this place in Contacts and Settings. Left out, it has none.",
        "SearchSettings.[].SearchBase": "Entry of the directory to start from, such as ou=people,dc=example,dc=com.",
        "SearchSettings.[].Scope": "How far down to look. Base: only that entry; OneLevel: one level below it too; "
        "Subtree: everything below it.",
    },
    "configuration-account-mail": {
        "VisibleName": "Name of the account as users see it. Left out, the device makes one up.",
        "UserIdentityAssetReference": f"{_IDENTITY_OF_USER} Mail goes out under it.",
        "IncomingServer": "The server that mail is read from.",
        "IncomingServer.ServerType": "IMAP keeps messages on the server, POP fetches them.",
        **_mail_server("IncomingServer", "comes from", "993 for IMAP and 995 for POP"),
        "IncomingServer.IMAPPathPrefix": "Folder that all others are below, if an IMAP server wants one.",
        "OutgoingServer": "The server that mail is sent through.",
        **_mail_server("OutgoingServer", "goes to", "587 or 465"),
        **_SMIME,
    },
    "configuration-account-settings": {
        "Exchange": "What goes for the organization's Exchange accounts. Left out, nothing changes.",
        "Exchange.AllowEWSRetirementAlerts": "No keeps the device from warning users that Microsoft closes Exchange "
        "Web Services and the account stops working.",
    },
    "configuration-account-subscribed-calendar": {
        "VisibleName": "Name of the calendar as users see it. Left out, the device makes one up.",
        "CalendarURL": "Address of the calendar, with https.",
        "AuthenticationCredentialsAssetReference": "Identifier of the asset with user name and password, where the "
        "calendar is not open to all.",
    },
}
