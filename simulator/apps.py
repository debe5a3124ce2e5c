"""Apps that pretend devices have installed.

Owns names, identifiers and sizes of a small, plausible app shelf per platform. Bundle identifiers and App Store ids
are public; versions are made up.
"""

import random

from simulator.catalog import APPLE_TV, IPAD, IPHONE, MAC, VISION

# identifier, name, version, size in MB, App Store id (0: not from the store)
MOBILE = (
    ("com.microsoft.Office.Outlook", "Outlook", "4.2511.0", 312, 951937596),
    ("com.microsoft.skype.teams", "Teams", "7.19.1", 402, 1113153706),
    ("com.tinyspeck.chatlyio", "Slack", "25.10.30", 288, 618783545),
    ("us.zoom.videomeetings", "Zoom", "6.6.5", 241, 546505307),
    ("com.google.Drive", "Google Drive", "4.2544.0", 233, 507874739),
    ("com.google.chrome.ios", "Chrome", "142.0.7444", 267, 535886823),
    ("com.apple.Keynote", "Keynote", "14.4", 512, 361285480),
    ("com.apple.Numbers", "Numbers", "14.4", 501, 361304891),
    ("com.apple.Pages", "Pages", "14.4", 508, 361309726),
    ("com.agilebits.onepassword-ios", "1Password", "8.11.18", 96, 568903335),
    ("com.adobe.Adobe-Reader", "Acrobat", "25.10.0", 218, 469337564),
    ("org.mozilla.ios.Firefox", "Firefox", "144.1", 162, 989804926),
    ("net.whatsapp.WhatsApp", "WhatsApp", "25.31.74", 201, 310633997),
    ("com.salesforce.chatter", "Salesforce", "258.0.10", 175, 404249815),
    ("org.wordpress", "WordPress", "26.4", 118, 335703880),
)
DESKTOP = (
    ("com.apple.Safari", "Safari", "26.1", 13, 0),
    ("com.apple.mail", "Mail", "16.0", 24, 0),
    ("com.apple.dt.Xcode", "Xcode", "26.1", 4100, 497799835),
    ("com.microsoft.Word", "Microsoft Word", "16.103", 2240, 462054704),
    ("com.microsoft.Excel", "Microsoft Excel", "16.103", 2010, 462058435),
    ("com.microsoft.teams2", "Microsoft Teams", "25290.302", 1102, 0),
    ("com.tinyspeck.slackmacgap", "Slack", "4.46.101", 312, 803453959),
    ("us.zoom.xos", "zoom.us", "6.6.6", 402, 0),
    ("com.google.Chrome", "Google Chrome", "142.0.7444.135", 1240, 0),
    ("org.mozilla.firefox", "Firefox", "144.0.2", 401, 0),
    ("com.microsoft.VSCode", "Visual Studio Code", "1.105.1", 640, 0),
    ("com.docker.docker", "Docker Desktop", "4.49.0", 2105, 0),
    ("com.1password.1password", "1Password", "8.11.18", 388, 1333542190),
    ("com.adobe.Reader", "Adobe Acrobat Reader", "25.001.20844", 1420, 0),
)
TELEVISION = (
    ("com.apple.TVAirPlay", "AirPlay", "1.0", 4, 0),
    ("us.zoom.zoomtv", "Zoom for TV", "6.5.0", 88, 1666206120),
    ("com.google.ios.youtube", "YouTube", "4.50", 96, 544007664),
)
HEADSET = (
    ("com.apple.Keynote", "Keynote", "14.4", 512, 361285480),
    ("com.microsoft.skype.teams", "Teams", "7.19.1", 402, 1113153706),
    ("com.jigspace.jig.JigSpace", "JigSpace", "12.4", 301, 1111193492),
)
SHELVES = {IPHONE: MOBILE, IPAD: MOBILE, MAC: DESKTOP, APPLE_TV: TELEVISION, VISION: HEADSET}


def choose_apps(platform: str, rng: random.Random) -> dict[str, dict]:
    """Choose what is installed, by bundle identifier, in the shape device state keeps."""
    shelf = SHELVES[platform]
    chosen = rng.sample(shelf, k=rng.randint(max(2, len(shelf) // 2), len(shelf)))
    return {identifier: make_app(*fields) for identifier, *fields in sorted(chosen)}


def make_app(name: str, version: str, size_mb: int, store_id: int) -> dict:
    """Make one installed app."""
    return {"name": name, "version": version, "size_bytes": size_mb * 1_000_000 + 4096, "store_id": store_id}


def find_in_store(store_id: int) -> tuple[str, dict] | None:
    """Find an app by its App Store id, as (identifier, app); None for an id this pretend store lacks."""
    for shelf in SHELVES.values():
        for identifier, *fields in shelf:
            if fields[-1] == store_id:
                return identifier, make_app(*fields)
    return None


def bump_version(version: str) -> str:
    """Raise the last number of a version, as an update does."""
    head, _, last = version.rpartition(".")
    return f"{head}.{int(last) + 1}" if head else str(int(last) + 1)
