"""Our own names of what the catalogue holds, and the purposes that payloads are listed under.

Payloads that are not in the table (a later import) are named from their type and listed under Other.
"""

from profiles.catalogue.words import words_of

GROUPS = (
    "Network",
    "Security",
    "Certificates",
    "Accounts",
    "Sign-in",
    "Restrictions",
    "Privacy",
    "Apps",
    "Home Screen and desktop",
    "Media and sharing",
    "Updates",
    "Education",
    "Parental controls",
    "Mac settings",
    "Management",
    "Other",
)
OTHER = "Other"

_PAYLOADS = {
    "Network": {
        "wifi-managed": "Wi-Fi",
        "mcx-wifi": "Wi-Fi administration on Mac",
        "vpn-managed": "VPN",
        "vpn-managed-applayer": "Per-app VPN",
        "vpn-managed-appmapping": "Per-app VPN mapping",
        "dnssettings-managed": "Encrypted DNS",
        "dnsproxy-managed": "DNS proxy",
        "proxy-http-global": "Global HTTP proxy",
        "systemconfiguration": "Network proxies on Mac",
        "relay-managed": "Network relay",
        "webcontent-filter": "Web content filter",
        "cellular": "Cellular",
        "apn-managed": "Cellular APN (old)",
        "cellularprivatenetwork-managed": "Private cellular network",
        "networkusagerules": "Network usage rules",
        "domains": "Managed domains",
        "globalethernet-managed": "Ethernet, any interface",
        "firstethernet-managed": "Ethernet, first interface",
        "firstactiveethernet-managed": "Ethernet, first active interface",
        "secondethernet-managed": "Ethernet, second interface",
        "secondactiveethernet-managed": "Ethernet, second active interface",
        "thirdethernet-managed": "Ethernet, third interface",
        "thirdactiveethernet-managed": "Ethernet, third active interface",
    },
    "Security": {
        "mobiledevice-passwordpolicy": "Passcode",
        "filevault2": "FileVault",
        "mcx-filevault2-options": "FileVault options",
        "security-fderecoverykeyescrow": "FileVault recovery key escrow",
        "security-fderecoveryredirect": "FileVault recovery key redirection (old)",
        "security-firewall": "Firewall",
        "security-smartcard": "Smart card",
        "system-extension-policy": "System extensions",
        "syspolicy-kernel-extension-policy": "Kernel extensions",
        "systempolicy-control": "Gatekeeper",
        "systempolicy-managed": "Gatekeeper overrides",
        "systempolicy-rule": "Gatekeeper rule",
        "preference-security": "Security & Privacy settings",
    },
    "Certificates": {
        "security-root": "Root certificate",
        "security-pem": "Certificate (PEM)",
        "security-pkcs1": "Certificate (PKCS #1)",
        "security-pkcs12": "Identity (PKCS #12)",
        "security-wapi-identity": "WAPI identity",
        "security-acme": "ACME certificate",
        "security-scep": "SCEP certificate",
        "adcertificate-managed": "Active Directory certificate",
        "security-certificatepreference": "Certificate preference",
        "security-identitypreference": "Identity preference",
        "security-certificaterevocation": "Certificate revocation checks",
        "security-certificatetransparency": "Certificate transparency",
    },
    "Accounts": {
        "mail-managed": "Mail",
        "eas-account": "Exchange ActiveSync",
        "ews-account": "Exchange Web Services",
        "google-oauth": "Google account",
        "caldav-account": "Calendar (CalDAV)",
        "subscribedcalendar-account": "Subscribed calendar",
        "carddav-account": "Contacts (CardDAV)",
        "ldap-account": "LDAP",
        "osxserver-account": "macOS Server account",
        "jabber-account": "Jabber",
        "aim-account": "AIM",
        "configurationprofile-identification": "User identification",
    },
    "Sign-in": {
        "extensiblesso": "Single sign-on extension",
        "extensiblesso-kerberos": "Kerberos single sign-on extension",
        "sso": "Single sign-on (old)",
        "associated-domains": "Associated domains",
        "loginwindow": "Login window",
        "login-items-suppression": "Login items suppression",
        "loginitems-managed": "Login items opened",
        "mcxloginscripts": "Login scripts",
        "directoryservice-managed": "Directory binding",
        "mcx-mobility": "Mobile accounts",
        "mcx-accounts": "Guest and other accounts",
        "preferences-users": "Users & Groups settings",
    },
    "Restrictions": {
        "applicationaccess": "Restrictions",
        "app-lock": "Single App Mode",
        "appstore": "App Store on Mac",
        "asam": "Autonomous single app mode",
        "discrecording": "Disc burning",
        "systempreferences": "System Settings panes",
        "systemuiserver": "Media access",
        "sharekithelper": "Share menu",
        "nsextension": "App extensions",
        "gamed": "Game Center",
    },
    "Privacy": {
        "tcc-configuration-profile-policy": "Privacy preferences",
        "system-logging": "System logging",
    },
    "Apps": {
        "notificationsettings": "Notifications",
        "servicemanagement": "Background items",
        "managedclient-preferences": "App preferences",
        "globalpreferences": "Global preferences",
        "declarations": "Declarations",
        "fileproviderd": "File providers",
    },
    "Home Screen and desktop": {
        "homescreenlayout": "Home Screen layout",
        "webclip-managed": "Web Clip",
        "shareddeviceconfiguration": "Lock Screen message",
        "font": "Font",
        "dock": "Dock",
        "desktop": "Desktop picture",
        "finder": "Finder",
        "mcxmenuextras": "Menu extras",
        "dashboard": "Dashboard",
        "screensaver": "Screen saver",
        "screensaver-user": "Screen saver of a user",
        "universalaccess": "Accessibility",
        "conferenceroomdisplay": "Conference Room Display",
    },
    "Media and sharing": {
        "airplay": "AirPlay",
        "airplay-security": "AirPlay security",
        "airprint": "AirPrint",
        "mcxprinting": "Printing on Mac",
        "tvremote": "TV Remote",
        "assetcache-managed": "Content caching",
        "xsan": "Xsan",
        "xsan-preferences": "Xsan preferences",
    },
    "Updates": {
        "softwareupdate": "Software Update",
    },
    "Education": {
        "education": "Education",
    },
    "Parental controls": {
        "applicationaccess-new": "Allowed apps (parental controls)",
        "familycontrols-contentfilter": "Web filter (parental controls)",
        "familycontrols-timelimits-v2": "Time limits (parental controls)",
        "dictionary": "Dictionary (parental controls)",
        "ironwood-support": "Dictation (parental controls)",
    },
    "Mac settings": {
        "mcx-energysaver": "Energy Saver",
        "mcx-timeserver": "Time server",
        "mcx-timemachine": "Time Machine",
        "setupassistant-managed": "Setup Assistant",
        "systemmigration": "Migration",
        "lom": "Lights Out Management",
    },
    "Management": {
        "mdm": "MDM enrollment",
        "profileremovalpassword": "Removal password",
    },
}
# Only where the type does not read well.
_DECLARATIONS = {
    "activation-simple": "Activation",
    "asset-credential-acme": "ACME identity",
    "asset-credential-certificate": "Certificate",
    "asset-credential-identity": "Identity",
    "asset-credential-scep": "SCEP identity",
    "asset-credential-userpassword": "User name and password",
    "configuration-account-caldav": "Calendar account (CalDAV)",
    "configuration-account-carddav": "Contacts account (CardDAV)",
    "configuration-account-exchange": "Exchange account",
    "configuration-account-google": "Google account",
    "configuration-account-ldap": "LDAP account",
    "configuration-account-mail": "Mail account",
    "configuration-account-subscribed-calendar": "Subscribed calendar",
    "configuration-app-managed": "Managed app",
    "configuration-extensible-sso": "Single sign-on extension",
    "configuration-legacy": "Profile",
    "configuration-legacy-interactive": "Profile the user installs",
    "configuration-management-status-subscriptions": "Status subscriptions",
    "configuration-management-test": "Test",
    "configuration-network-dns-proxy": "DNS proxy",
    "configuration-network-dns-settings": "Encrypted DNS",
    "configuration-network-relay": "Network relay",
    "configuration-network-vpn-always-on": "VPN, always on",
    "configuration-network-vpn-ikev2": "VPN, IKEv2",
    "configuration-network-vpn-ipsec": "VPN, IPsec",
    "configuration-network-vpn-vpn-plugin": "VPN, by an app",
    "configuration-security-certificate": "Certificate",
    "configuration-security-identity": "Identity",
    "configuration-security-passkey-attestation": "Passkey attestation",
    "configuration-services-background-tasks": "Background tasks",
    "configuration-services-configuration-files": "Configuration files",
    "configuration-softwareupdate-enforcement-specific": "Software update to a version",
    "configuration-watch-enrollment": "Apple Watch enrollment",
    "configuration-webcontent-filter-plugin": "Web content filter",
}
_GROUP_OF = {slug: group for group, labels in _PAYLOADS.items() for slug in labels}
_LABEL_OF = {slug: label for labels in _PAYLOADS.values() for slug, label in labels.items()}
_ENVELOPES = {
    "toplevel": "Profile",
    "commonpayloadkeys": "Keys of every payload",
    "declarationbase": "Declaration",
}


def label_of(entry) -> str:
    """Return our name of an entry."""
    if entry.kind == "payload":
        return _LABEL_OF.get(entry.slug) or words_of(entry.type)
    if entry.kind == "envelope":
        return _ENVELOPES[entry.slug]
    if entry.kind == "declaration":
        # com.apple.configuration.passcode.settings: the first three parts say what the family does.
        return _DECLARATIONS.get(entry.slug) or words_of(".".join(entry.type.split(".")[3:]))
    return words_of(entry.type)


def group_of(entry) -> str:
    """Return what an entry is listed under: one of GROUPS for payloads, the family of a declaration, else ""."""
    if entry.kind == "payload":
        return _GROUP_OF.get(entry.slug, OTHER)
    return words_of(entry.family) if entry.kind == "declaration" else ""
