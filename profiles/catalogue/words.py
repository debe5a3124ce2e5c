"""Our own words for Apple's names: `allowAppInstallation` is "Allow app installation". Made from the name alone."""

import re
from functools import cache

# Names that splitting would not read well.
_WHOLE = {
    "SSID_STR": "SSID",
    "ANY": "Any name",
    "_removed": "Removed",
    "SHOWFULLNAME": "Show full name",
    "tilesize": "Tile size",
    "largesize": "Large size",
    "HESSID": "HESSID",
    "Hash-SHA-256": "SHA-256 hash",
    "IrDA.menu": "IrDA menu",
    "PPDURL": "PPD URL",
    "Script Menu.menu": "Script menu",
    "TimeMachine.menu": "Time Machine menu",
    "VPNUUID": "VPN UUID",
    "autohide": "Hide automatically",
    "autohide-immutable": "Hide automatically immutable",
    "blankbd": "Blank Blu-ray discs",
    "blankcd": "Blank CDs",
    "blankdvd": "Blank DVDs",
    "com.apple.autologout.AutoLogOutDelay": "Auto log out delay",
    "dvdram": "DVD-RAM",
    "eventtype": "Event type",
    "filedata": "File data",
    "fsnameservers": "FS name servers",
    "harddisk-external": "External hard disks",
    "harddisk-internal": "Internal hard disks",
    "launchanim": "Launch animation",
    "launchanim-immutable": "Launch animation immutable",
    "loginscripts": "Login scripts",
    "logoutscripts": "Logout scripts",
    "magsize-immutable": "Magnified size immutable",
    "mcx_preference_settings": "MCX preference settings",
    "mineffect": "Minimize effect",
    "mineffect-immutable": "Minimize effect immutable",
    "minintoapp-immutable": "Minimize to application immutable",
    "networkdisk": "Network disks",
    "showrecents-immutable": "Show recents immutable",
    "windowtabbing": "Window tabbing",
    "windowtabbing-immutable": "Window tabbing immutable",
    "EAPSIMNumberOfRANDs": "EAP-SIM number of RANDs",
    "CCPMPPE40Enabled": "CCP MPPE 40-bit enabled",
    "CCPMPPE128Enabled": "CCP MPPE 128-bit enabled",
    "PPPoE.menu": "PPPoE menu",
    "PromptForVPNPIN": "Prompt for VPN PIN",
    "ProxyPACURL": "Proxy PAC URL",
    "SHOWOTHERUSERS_MANAGED": "Show other users (managed)",
    "allowOTAPKIUpdates": "Allow over-the-air PKI updates",
    "EnableXProtectMalwareUpload": "Enable XProtect malware upload",
    "dNSName": "DNS name",
    "dblclickbehavior": "Double-click behavior",
    "dblclickbehavior-immutable": "Double-click behavior immutable",
    "showindicators-immutable": "Show indicators immutable",
    "usePlatformSSOTGT": "Use Platform SSO TGT",
    "com.apple.cachedaccounts.CreateAtLogin": "Cached accounts create at login",
    "com.apple.cachedaccounts.WarnOnCreate": "Cached accounts warn on create",
    "cachedaccounts.WarnOnCreate.allowNever": "Cached accounts warn on create allow never",
    "cachedaccounts.askForSecureTokenAuthBypass": "Cached accounts ask for secure token auth bypass",
    "cachedaccounts.expiry.delete.disusedSeconds": "Cached accounts expiry delete disused seconds",
}
# Found in names whatever their case, because it does not tell where these words end.
_SPELLED = """
    802.1X, Activation Lock, AirDrop, AirPlay, AirPods, AirPort, AirPrint, APNs, App Store, Apple, Apple ID, AppleCare,
    AppleScript, Apple TV, AssistiveTouch, audio accessory, Bluetooth, Bonjour, CalDAV, CardDAV, CarPlay, CAs,
    content cache, Control Center, disk management, EAP-FAST, Energy Saver, eSIM, Exchange, extensible SSO, Face ID,
    FaceTime, FileVault, Game Center, Google, HomeKit, HomePod, iBeacon, iBooks, ICCIDs, iChat, iCloud, IDs, IKEv2,
    iMessage, iOS, iPad, iPadOS, iPhone, IPsec, IPv4, IPv6, iTunes, KDCs, Kerberos, Lost Mode, MACs, macOS, MNCs, OAuth,
    OIs, Open Directory, OSes, Personal Hotspot, Power Nap, QoS, QuickTime, Safari, Screen Time, screen sharing,
    Setup Assistant, SharePlay, SIMs, Siri, software update, SSIDs, status report, subscribed calendar, tokens response,
    Touch ID, TVs, tvOS, URLs, user identity, user password, UUIDs, visionOS, VoiceOver, VPNs, watchOS, web clip,
    web content, WebDAV, Wi-Fi, XAuth
"""
_SPELLINGS = {re.sub(r"[ -]", "", name).lower(): name for name in " ".join(_SPELLED.split()).split(", ")}
# In capitals, however they are written; other words in capitals stay so too unless the whole name is.
_ACRONYMS = frozenset(
    """
    ACME API APN BSD CA CSR DHCP DN DNS EAP EID FDE GID GUID HTTP HTTPS ICCID ID IMEI IP KDC LAN LDAP LOM MAC MDM MEID
    MTU NTP OCSP OS PAC PIN PKCS12 PPP RPN SCEP SIM SMB SMIME SSID SSL SSO TLS TV UDID UI UID URI URL USB UUID
    VPN XML XSAN
    """.split()  # noqa: SIM905
)
# A name of theirs that begins small ends the word before it: allowiTunesFileSharing.
_SMALL_START = "i(?:Beacon|Books|Chat|Cloud|Message|OS|Pad|Phone|Tunes)"
_WORD = re.compile(
    "|".join(
        [
            *(
                f"(?i:{re.escape(name)})(?=$|[^a-z]|{_SMALL_START})"
                for name in sorted(_SPELLINGS, key=len, reverse=True)
            ),
            r"[A-Z]+(?=[A-Z][a-z])",
            rf"[A-Z]?[a-z]+?(?=$|[^a-z]|{_SMALL_START})",
            r"[A-Z]+[0-9]*",
            r"[0-9]+(?:\.[0-9]+)*",
        ]
    )
)


@cache
def words_of(name: str) -> str:
    """Return a name as a label: sentence case, acronyms and names of products as they are written."""
    if name in _WHOLE:
        return _WHOLE[name]
    is_shouted = name.isupper() and len(name) > 5
    words = [_word(word, is_shouted) for word in _WORD.findall(name.removeprefix("com.apple."))]
    if not words:
        return name
    label = " ".join(words)
    is_product = words[0] in _SPELLINGS.values() and not words[0].islower()
    return label if is_product else label[0].upper() + label[1:]


def _word(word: str, is_shouted: bool) -> str:
    spelled = _SPELLINGS.get(word.lower())
    if spelled:
        return spelled
    if word.upper() in _ACRONYMS:
        return word.upper()
    return word if word.isupper() and not is_shouted else word.lower()
