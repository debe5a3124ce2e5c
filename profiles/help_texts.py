"""Our own words on the payloads and keys that are used most, for the forms of the composer.

By slug of the catalogue and key path; what is not here goes by its label, which is made from its name.
"""

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


def about(slug: str) -> str:
    """Return what a payload is for, "" where we have not written it."""
    return ABOUT.get(slug, "")


def helps(slug: str) -> dict[str, str]:
    """Return our words on a payload's keys, by key path."""
    return KEYS.get(slug, {})


ABOUT: dict[str, str] = {}
KEYS: dict[str, dict[str, str]] = {}
