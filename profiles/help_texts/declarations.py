"""Words on declarations: what each is for. The device applies them by itself and reports how it went."""

from profiles.help_texts import (
    account_declarations,
    app_declarations,
    asset_declarations,
    intelligence_declarations,
    mac_declarations,
    network_declarations,
    safari_declarations,
    security_declarations,
    sso_declarations,
    vpn_declarations,
)

_ABOUT = {
    "activation-simple": "Says which configurations count, and under which condition.",
    "asset-credential-acme": "An identity that the device gets from an ACME server; its key never leaves the device.",
    "asset-credential-certificate": "A certificate that other declarations refer to.",
    "asset-credential-identity": "A certificate with its key (PKCS#12) that other declarations refer to.",
    "asset-credential-scep": "An identity that the device gets from a SCEP server.",
    "asset-credential-userpassword": "A user name with a password that accounts refer to.",
    "asset-data": "Any file that other declarations refer to.",
    "asset-useridentity": "Who the user is: name and address, for accounts.",
    "configuration-accessibility-settings": "Help for seeing, hearing and touching.",
    "configuration-account-caldav": "A calendar account.",
    "configuration-account-carddav": "A contacts account.",
    "configuration-account-exchange": "An Exchange or Microsoft 365 account.",
    "configuration-account-google": "A Google account; the user signs in.",
    "configuration-account-ldap": "A directory to look people up in.",
    "configuration-account-mail": "A mail account with IMAP or POP.",
    "configuration-account-settings": "What users may do with accounts.",
    "configuration-account-subscribed-calendar": "A calendar to read from an address.",
    "configuration-app-managed": "An app with its settings; the device installs, updates and removes it by itself.",
    "configuration-app-settings": "Which apps may be installed and used.",
    "configuration-audio-accessory-settings": "Pairing of AirPods and the like for a time.",
    "configuration-content-cache-settings": "A Mac keeps what others near it download from Apple.",
    "configuration-diskmanagement-settings": "Which outside disks and shares a Mac may open.",
    "configuration-extensible-sso": "Single sign-on with an app's extension; Platform SSO on Macs.",
    "configuration-external-intelligence-settings": "Whether Siri may use services such as ChatGPT.",
    "configuration-intelligence-settings": "What of Apple Intelligence may be used.",
    "configuration-keyboard-settings": "Corrections, suggestions and dictation of the keyboard.",
    "configuration-legacy": "A profile, kept as it is, that is installed by a declaration.",
    "configuration-legacy-interactive": "A profile that the user can install if they like.",
    "configuration-management-status-subscriptions": "What the device reports by itself when it changes.",
    "configuration-management-test": "Does nothing on the device; for trying declarations out.",
    "configuration-math-settings": "What Calculator and Math Notes may do.",
    "configuration-migration-assistant-settings": "What may be brought over from another Mac.",
    "configuration-network-dns-proxy": "An app sees and answers all DNS questions.",
    "configuration-network-dns-settings": "DNS over HTTPS or TLS.",
    "configuration-network-relay": "Traffic goes through a relay instead of a VPN.",
    "configuration-network-vpn-always-on": "A VPN that cannot be switched off.",
    "configuration-network-vpn-ikev2": "A VPN with IKEv2.",
    "configuration-network-vpn-ipsec": "A VPN with IPsec, as Cisco's.",
    "configuration-network-vpn-vpn-plugin": "A VPN of an app from the App Store.",
    "configuration-package": "A package that a Mac installs.",
    "configuration-passcode-settings": "How long and complex a passcode must be, and when it is asked for.",
    "configuration-safari-bookmarks": "Bookmarks that Safari always has.",
    "configuration-safari-extensions-settings": "Which extensions Safari runs, and where.",
    "configuration-safari-settings": "Start page, cookies and other settings of Safari.",
    "configuration-screensharing-connection": "A Mac to see and control, in Screen Sharing's list.",
    "configuration-screensharing-connection-group": "A group of Macs in Screen Sharing's list.",
    "configuration-screensharing-host-settings": "Who may see and control this Mac.",
    "configuration-security-certificate": "A certificate that the device trusts.",
    "configuration-security-identity": "An identity in the keychain.",
    "configuration-security-passkey-attestation": "Passkeys that prove they are of a managed device.",
    "configuration-services-background-tasks": "Programs that a Mac runs in the background.",
    "configuration-services-configuration-files": "Settings files of services such as sshd and sudo on a Mac.",
    "configuration-siri-settings": "Siri, and what it may do.",
    "configuration-softwareupdate-enforcement-specific": "A system version that is installed by a date, whatever the "
    "user does.",
    "configuration-softwareupdate-settings": "Which system updates users are offered, and when.",
    "configuration-watch-enrollment": "An Apple Watch enrolls when it is paired with the iPhone.",
    "configuration-webcontent-filter-plugin": "An app filters what may be seen on the web.",
    "management-organization-info": "Who runs the device, as users see it.",
    "management-properties": "Facts that conditions of activations can ask for.",
    "management-server-capabilities": "What this server understands.",
}  # fmt: skip

_KEYS = (
    account_declarations.TEXTS
    | app_declarations.TEXTS
    | asset_declarations.TEXTS
    | intelligence_declarations.TEXTS
    | mac_declarations.TEXTS
    | network_declarations.TEXTS
    | safari_declarations.TEXTS
    | security_declarations.TEXTS
    | sso_declarations.TEXTS
    | vpn_declarations.TEXTS
)
TEXTS: dict[str, dict[str, str]] = {slug: {"": text, **_KEYS.get(slug, {})} for slug, text in _ABOUT.items()}
