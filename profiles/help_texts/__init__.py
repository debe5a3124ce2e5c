"""Our own words on payloads that are used most, on every command and on declarations, for the forms of the composer.

By slug of the catalogue and key path; ``*.Name`` stands for keys of that name at any depth, "" for the payload itself.
What is not here goes by its label, which is made from its name.
"""

from profiles.catalogue import Kind
from profiles.help_texts import (
    accounts,
    apps,
    command_warnings,
    content_commands,
    declarations,
    device_commands,
    network,
    restrictions,
    security,
)

COMMANDS: dict[str, dict[str, str]] = device_commands.TEXTS | content_commands.TEXTS
DECLARATIONS: dict[str, dict[str, str]] = declarations.TEXTS
TEXTS: dict[str, dict[str, str]] = network.TEXTS | security.TEXTS | accounts.TEXTS | apps.TEXTS | restrictions.TEXTS

# How long lists of keys are divided: heading and what the names of its keys look like, in order.
TOPICS: dict[str, list[tuple[str, str]]] = {
    "applicationaccess": [
        ("Apps and App Store", r"app(s|Installation|Removal|Clips|Bundle)|InAppPurchase|Marketplace|WebDistribution|"
         r"iTunes(?!FileSharing)|Bookstore|GameCenter|Multiplayer|Gaming|EnterpriseAppTrust|SystemAppRemoval|News|Podcasts|"
         r"MusicService|RadioService|NFC|Rosetta|autonomousSingleApp"),
        ("Apple Intelligence and Siri", r"Assistant|Siri|Dictation|Intelligence|Genmoji|ImagePlayground|ImageWand|"
         r"WritingTools|Summary|SmartRep|VisualIntel|Translation|Transcription|PersonalizedHandwriting"),
        ("iCloud", r"Cloud|PhotoStream|SharedStream|FindMy|ActivityContinuation"),
        ("Safari and web", r"safari|UntrustedTLS|SpotlightInternet|AutoFill|DefaultBrowser"),
        ("Managed and unmanaged data", r"Managed|OpenFrom|EnterpriseBook|AirDropUnmanaged"),
        ("Passcode, Touch ID and Face ID", r"Passcode|Fingerprint|AutoUnlock|Password|WhileLocked|LockScreen"),
        ("Network and wireless", r"WiFi|Bluetooth|Cellular|Hotspot|VPN|ESIM|eSIM|RCS|Satellite|Roaming|AirDrop|AirPlay|"
         r"AirPrint|Messag|Chat|Call|Voicemail|FaceTime|VideoConferencing|VoiceDialing|ICCID"),
        ("Software updates", r"SoftwareUpdate|RapidSecurity|OTAPKI"),
        ("Media and ratings", r"rating|Explicit|Erotica|Camera|ScreenShot|Screen|Mirroring|Widgets"),
        ("Keyboard", r"Keyboard|AutoCorrection|SpellCheck|Predictive|ContinuousPath|Definition"),
        ("Classroom", r"Classroom|SharedDevice"),
        ("Device and accounts", r"Modification|Erase|HostPairing|UIConfiguration|USB|Diagnostic|DeviceSleep|AutoDim|"
         r"LocalUser|StartupDisk|External|TimeMachine|ContentCaching|UniversalControl|Restrictions|Wallpaper"),
    ],
}  # fmt: skip


_TEXTS_OF = {Kind.PAYLOAD: TEXTS, Kind.COMMAND: COMMANDS, Kind.DECLARATION: DECLARATIONS}


def about(slug: str, kind: Kind = Kind.PAYLOAD) -> str:
    """Return what a payload, a command or a declaration is for, "" where we have not written it."""
    return helps(slug, kind).get("", "")


def helps(slug: str, kind: Kind = Kind.PAYLOAD) -> dict[str, str]:
    """Return our words on the keys of an entry, by key path."""
    return _TEXTS_OF.get(kind, {}).get(slug, {})


def warning(slug: str) -> str:
    """Return what a command loses or what cannot be undone, "" where there is nothing to warn of."""
    return command_warnings.WARNINGS.get(slug, "")


def replaced_by(slug: str) -> str:
    """Return what has taken the place of a deprecated command, "" where nothing has."""
    return command_warnings.REPLACED.get(slug, "")


def values(slug: str) -> dict[str, dict[str, str]]:
    """Return what single values of keys mean, by key path."""
    return VALUES.get(slug, {})


VALUES: dict[str, dict[str, dict[str, str]]] = {
    "wifi-managed": {
        "EAPClientConfiguration.AcceptEAPTypes.[]": {
            "13": "EAP-TLS", "17": "LEAP", "18": "EAP-SIM", "21": "EAP-TTLS", "23": "EAP-AKA", "25": "PEAP",
            "43": "EAP-FAST",
        },
        "ProxyType": {"Auto": "by a PAC file"},
    },
    "notificationsettings": {
        "NotificationSettings.[].AlertType": {"0": "none", "1": "temporary banner", "2": "persistent banner"},
        "NotificationSettings.[].GroupingType": {"0": "automatic", "1": "by app", "2": "off"},
        "NotificationSettings.[].PreviewType": {"0": "always", "1": "when unlocked", "2": "never"},
    },
    "applicationaccess": {
        "safariAcceptCookies": {
            "0.0": "never", "1.0": "from the current website only", "1.5": "from websites visited", "2.0": "always",
        },
    },
}  # fmt: skip
