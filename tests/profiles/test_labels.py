"""Our own names: every payload has one and a purpose; names of keys become words."""

import pytest

from profiles.catalogue import Catalogue, Kind
from profiles.catalogue.labels import GROUPS, OTHER
from profiles.catalogue.store import SHIPPED
from profiles.catalogue.words import words_of

CATALOGUE = Catalogue(SHIPPED)


def test_every_payload_has_a_name_of_its_own_and_a_purpose():
    entries = CATALOGUE.entries(Kind.PAYLOAD)
    labels = [entry.label for entry in entries]

    assert len(labels) == len(set(labels))
    assert all(entry.group in GROUPS and entry.group != OTHER for entry in entries)
    assert {entry.group for entry in entries} == set(GROUPS) - {OTHER}
    assert CATALOGUE.entry(Kind.PAYLOAD, "wifi-managed").label == "Wi-Fi"
    assert CATALOGUE.entry(Kind.PAYLOAD, "mobiledevice-passwordpolicy").group == "Security"


def test_everything_else_is_named_too():
    for kind in Kind:
        assert all(entry.label.strip() for entry in CATALOGUE.entries(kind))
        assert all(key.label.strip() for entry in CATALOGUE.entries(kind) for key in entry.walk())
    assert CATALOGUE.entry(Kind.COMMAND, "RotateFileVaultKey").label == "Rotate FileVault key"
    assert CATALOGUE.entry(Kind.DECLARATION, "configuration-passcode-settings").label == "Passcode settings"
    assert CATALOGUE.entry(Kind.DECLARATION, "configuration-passcode-settings").group == "Configuration"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("allowAppInstallation", "Allow app installation"),
        ("SSID_STR", "SSID"),
        ("HESSID", "HESSID"),
        ("EAPSIMNumberOfRANDs", "EAP-SIM number of RANDs"),
        ("VPNUUID", "VPN UUID"),
        ("PPPoE.menu", "PPPoE menu"),
        ("HIDDEN_NETWORK", "Hidden network"),
        ("PayloadCertificateUUID", "Payload certificate UUID"),
        ("allowAirPrintiBeaconDiscovery", "Allow AirPrint iBeacon discovery"),
        ("allowiTunesFileSharing", "Allow iTunes file sharing"),
        ("EAPFASTUsePAC", "EAP-FAST use PAC"),
        ("ServerURLPinningCertificateUUIDs", "Server URL pinning certificate UUIDs"),
        ("disallowWiFi", "Disallow Wi-Fi"),
        ("allowVPNCreation", "Allow VPN creation"),
        ("Display Sleep Timer", "Display sleep timer"),
        ("iCloudPrivateRelay", "iCloud private relay"),
        ("AppleIDIdentifier", "Apple ID identifier"),
        ("com.apple.cachedaccounts.CreateAtLogin", "Cached accounts create at login"),
        ("ANY", "Any name"),
        ("_removed", "Removed"),
        ("...", "..."),
    ],
)
def test_names_become_words(name, words):
    assert words_of(name) == words
