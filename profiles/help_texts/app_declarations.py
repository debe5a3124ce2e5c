"""Words on the keys of declarations that bring apps, packages and profiles, and say which apps may run."""

_ONE_OF = "Give one of store number, bundle identifier, manifest or composed identifier."
_COMPOSED = "Bundle identifier, on its own or with the team in parentheses: com.example.app (ABCD1234)."


def _below(path: str, texts: dict[str, str]) -> dict[str, str]:
    return {f"{path}.{name}": text for name, text in texts.items()}


def _secrets(name: str, one: str, note: str = "") -> dict[str, str]:
    return {
        name: f"Each {one} that is handed over, under a name by which it is asked for.",
        f"{name}.[]": f"One {one}.",
        f"{name}.[].Identifier": "Name that it is asked for by; the app's maker says which.",
        f"{name}.[].AssetReference": f"Identifier of the asset with the {one}.{note}",
    }


_CONFIG = {
    "DataAssetReference": "Identifier of the asset with the settings, a property list of stated media type.",
    **_secrets("Passwords", "password", " Only its password is used, not its user name."),
    **_secrets("Identities", "identity"),
    **_secrets("Certificates", "certificate"),
}
_ATTRIBUTES = {
    "AssociatedDomains": "Domains that open in the app and share passwords with it, added to those it has itself.",
    "AssociatedDomains.[]": "One entry as service:domain, such as applinks:example.com.",
    "AssociatedDomainsEnableDirectDownloads": "Yes checks those domains directly, not through Apple. For domains "
    "inside a closed network.",
    "CellularSliceUUID": "Part of the carrier's 5G network to use, as DNN:name or AppCategory:name.",
    "ContentFilterUUID": "Content filter for this app: the ContentFilterUUID that was given to the filter.",
    "DNSProxyUUID": "DNS proxy for this app: the DNSProxyUUID that was given to the proxy.",
    "Hideable": "No keeps the user from hiding the app.",
    "Lockable": "No keeps the user from locking the app, and so from hiding it.",
    "RelayUUID": "Relay for this app: the RelayUUID that was given to the relay.",
    "TapToPayScreenLock": "Yes locks the screen after each card payment with a PIN; No leaves it to the user.",
    "VPNUUID": "Per-app VPN for this app: the VPNUUID that was given to the VPN.",
}


def _binaries(name: str, about: str) -> dict[str, str]:
    return {
        name: about,
        f"{name}.[]": "One rule. A program must match all that is given in it.",
        f"{name}.[].CDHash": "Hash of the program's code directory, 40 characters; it fits one build only.",
        f"{name}.[].SigningID": "Identifier that the program was signed with.",
        f"{name}.[].TeamID": "Team that signed the program; *APPLE* for Apple's own that have none.",
        f"{name}.[].PathPrefix": "Start of the path that the program lies at.",
        f"{name}.[].SigningState": "How the program was signed, such as for the App Store. Left out, any way.",
    }


def _permission(what: str) -> str:
    return (
        f"Allow proposes that the app may use {what}; None proposes nothing. The user is asked once, for all of them."
    )


TEXTS: dict[str, dict[str, str]] = {
    "configuration-app-managed": {
        "AppStoreID": f"Number of the app in the App Store, such as 361309726. {_ONE_OF}",
        "BundleID": f"Bundle identifier of an app in the App Store, such as com.example.app. {_ONE_OF}",
        "ManifestURL": f"Address of the manifest of an app that is not from the App Store. {_ONE_OF}",
        "AppComposedIdentifier": f"An app that comes in another way and is managed from then on. {_COMPOSED}",
        "iOSApp": "Yes takes the iPhone or iPad app from the App Store for a Mac with Apple silicon.",
        "InstallBehavior": "How and when the app comes to the device.",
        "InstallBehavior.Install": "Required: the app is installed and stays, on devices without supervision once the "
        "user agrees. Optional: the user installs and removes it at will.",
        "InstallBehavior.License": "Who holds the license of an app from the App Store.",
        "InstallBehavior.License.Assignment": "Device: the license is the device's; User: it is the user's Apple "
        "Account's. Needed for apps of the App Store.",
        "InstallBehavior.License.VPPType": "The same as the assignment, before iOS 18.",
        "InstallBehavior.Version": "Apple's number of the version to install and stay with; it stops updates. Left "
        "out, the newest is installed.",
        "InstallBehavior.AllowDownloadsOverCellular": "Whether the device loads the app over mobile data by itself. "
        "StoreSettings: as the store's settings say, which always hold when the user starts it.",
        "UpdateBehavior": "How the app is updated. It does not count where a version is given.",
        "UpdateBehavior.AutomaticAppUpdates": "AlwaysOn: newer versions come by themselves; AlwaysOff: never; "
        "StoreSettings: as the store's settings say, and never for an app with a manifest.",
        "IncludeInBackup": "No leaves the app and its data out of backups.",
        "Attributes": "How the system treats the app.",
        **_below("Attributes", _ATTRIBUTES),
        "AppConfig": "Settings and secrets for the app; it must be made to ask for them.",
        **_below("AppConfig", _CONFIG),
        "ExtensionConfigs": "Settings and secrets for extensions of the app.",
        "ExtensionConfigs.*": f"One extension by its identifier. {_COMPOSED}",
        **_below("ExtensionConfigs.*", _CONFIG),
        "LegacyAppConfigAssetReference": "Identifier of the asset with settings for an app that reads them the older "
        "way, as commands give them.",
    },
    "configuration-app-settings": {
        "Allowed": "Which apps and programs may run. Left out, all may.",
        "Allowed.AllowedApps": "Only these apps are shown and start. Left out, all but the denied ones.",
        "Allowed.AllowedApps.[]": "One bundle identifier; com.apple.webapp stands for all web clips.",
        "Allowed.DeniedApps": "These apps are neither shown nor started. Denying an app of the system can break what "
        "others need it for.",
        "Allowed.DeniedApps.[]": "One bundle identifier; com.apple.webapp stands for all web clips.",
        **_below("Allowed", _binaries("AllowedBinaries", "Only programs that match a rule run on a Mac, besides those "
                                      "that the system cannot do without.")),
        **_below("Allowed", _binaries("DeniedBinaries", "Programs that match a rule do not run on a Mac.")),
        "Allowed.AlwaysAllowManagedApps": "Yes lets managed apps run although they are not in a list of what is "
        "allowed.",
        "Privacy": "What apps may use without asking for each thing alone.",
        "Privacy.PermissionDefaults": "Permissions that are proposed, for each app.",
        "Privacy.PermissionDefaults.*": "One app: its bundle identifier; on a Mac with its requirement for the "
        "signature in braces: com.example.app {anchor apple generic}.",
        **_below("Privacy.PermissionDefaults.*", {
            "OrganizationJustification": "Why the organization wants it. The user reads it when asked at the first "
            "start of the app.",
            "Accessibility": _permission("the aids of accessibility, and so control others"),
            "Bluetooth": _permission("Bluetooth"),
            "Camera": _permission("the camera"),
            "Dictation": _permission("dictation"),
            "LocalNetwork": _permission("devices of the local network"),
            "Location": "When the app may know where the device is; None proposes nothing. WhileUsing is Always on a "
            "Mac.",
            "LocationAccuracy": "How exactly the app may know it; None proposes nothing.",
            "Microphone": _permission("the microphone"),
        }),
    },
    "configuration-package": {
        "ManifestURL": "Address of the manifest, which says where the .pkg file is.",
        "InstallBehavior": "How and when the package is installed.",
        "InstallBehavior.Install": "Required: the Mac installs it by itself; Optional: the user may.",
        "UninstallBehavior": "What happens when the configuration goes. Left out, the files stay.",
        "UninstallBehavior.Remove": "Yes deletes the files of the package then.",
    },
    "configuration-legacy": {
        "ProfileURL": "Address of the profile, with https. The device shows its identity there. Give this or an asset.",
        "ProfileAssetReference": "Identifier of the asset with the profile. Give this or an address.",
    },
    "configuration-legacy-interactive": {
        "ProfileURL": "Address of the profile, with https. The device shows its identity there. Give this or an asset.",
        "ProfileAssetReference": "Identifier of the asset with the profile. Give this or an address.",
        "VisibleName": "What users see before they install it; it should say what the profile does.",
    },
}  # fmt: skip
