"""Words on the keys of declarations for Macs (caches, disks, moving in, Screen Sharing, services) and on reports."""


def _ranges(name: str, about: str) -> dict[str, str]:
    return {
        name: about,
        f"{name}.[]": "One range of addresses.",
        f"{name}.[].type": "Version of the addresses.",
        f"{name}.[].first": "Lowest address of the range.",
        f"{name}.[].last": "Highest address of the range.",
    }


def _storage(what: str) -> str:
    return (
        f"Allowed: {what} can be opened and written to; ReadOnly: only those that are read-only themselves; "
        "Disallowed: none."
    )


TEXTS: dict[str, dict[str, str]] = {
    "configuration-content-cache-settings": {
        "AllowCacheDelete": "No keeps what is cached even when the disk is nearly full.",
        "AllowPersonalCaching": "No leaves users' iCloud out of the cache. This or the shared content must be on.",
        "AllowSharedCaching": "No leaves apps and updates out of the cache. This or users' iCloud must be on.",
        "AutoActivation": "Yes turns caching on where it can and keeps users from turning it off. It stays on when the "
        "configuration goes.",
        "AutoEnableTetheredCaching": "Yes shares the Mac's internet connection with devices on a cable; users cannot "
        "change that.",
        "CacheLimit": "Most bytes of disk for the cache; 0: no limit.",
        "DataPath": "Folder of the cache; it must end as the usual one does. What is cached does not move along.",
        "DenyActivation": "Yes keeps caching off, whatever else is set.",
        "DenyTetheredCaching": "Yes keeps the connection from being shared with devices on a cable.",
        "DeclarativeStatusInterval": "Seconds between two reports to this server. 0: none.",
        "DisplayAlerts": "Yes shows trouble with the cache as notifications on the Mac.",
        "KeepAwake": "Yes keeps the Mac from sleeping while caching is on.",
        **_ranges("ListenRanges", "Addresses of the devices that are served."),
        "ListenRangesOnly": "Yes serves those devices and no others.",
        "ListenWithPeersAndParents": "No leaves the other caches that are named here unserved.",
        "LocalSubnetsOnly": "Yes serves only the networks that the Mac is in itself; the addresses above do not count "
        "then.",
        "LogClientIdentity": "Yes writes the address of each device that asks into the Mac's log.",
        "Parents": "Caches to ask before Apple. When none answers, Apple is asked.",
        "Parents.[]": "Local IP address of one cache.",
        "ParentSelectionPolicy": "Which of several is asked. first-available: the first that answers; "
        "sticky-available: the same until it fails; url-path-hash: one for each file.",
        **_ranges("PeerFilterRanges", "Addresses of other caches that this one asks. An empty list: none."),
        **_ranges("PeerListenRanges", "Addresses of other caches that this one answers. An empty list: none."),
        "PeerLocalSubnetsOnly": "Yes works with other caches only in the networks that the Mac is in itself; the two "
        "lists above do not count then.",
        "PersonalCacheLimit": "Most bytes of disk for users' iCloud; 0: as for the whole cache.",
        "Port": "TCP port that the cache listens on; 0: any that is free.",
        **_ranges("PublicRanges", "Addresses that the organization has on the internet, so that Apple finds the cache "
                  "for its devices."),
        "ManagementStatusTarget": "Address that gets the cache's figures as JSON, by PUT. Left out, none are sent.",
        "ManagementSecurityConfig": "Which certificate that address must show. no-cert: any that the Mac trusts; "
        "signedByCACert: one issued by that below; specificServerCert: that below itself.",
        "ManagementReportingInterval": "Seconds between two sendings.",
        "ManagementStatusCertificateReference": "Identifier of the asset with the certificate. Needed unless any will "
        "do.",
    },
    "configuration-diskmanagement-settings": {
        "Restrictions": "What may be opened. Left out, everything.",
        "Restrictions.ExternalStorage": _storage("outside disks"),
        "Restrictions.NetworkStorage": _storage("shares of the network"),
    },
    "configuration-management-status-subscriptions": {
        "StatusItems": "What the device reports when it changes.",
        "StatusItems.[]": "One thing to report.",
        "StatusItems.[].Name": "Apple's name of it, such as device.operating-system.version.",
    },
    "configuration-management-test": {
        "Echo": "Text that comes back in the device's report.",
        "EchoDataAssetReference": "Identifier of the asset with a text that comes back in the report as well.",
        "ReturnStatus": "What the device reports in place of how it really went.",
    },
    "configuration-migration-assistant-settings": {
        "ShouldDoManagedMigration": "Yes moves data in by the rules below.",
        "ExcludedAccounts": "Accounts that stay behind.",
        "ExcludedAccounts.[]": "Short name of one account.",
        "ExcludedPaths": "Files and folders of users that stay behind.",
        "ExcludedPaths.[]": "One path from the home folder; a folder ends in a slash, as in Documents/Old/.",
        "RequiredPaths": "Files and folders of users that must come along.",
        "RequiredPaths.[]": "One path from the home folder; a folder ends in a slash, as in Documents/Work/.",
        "ShouldMigrateSecurityPrivacySettings": "No leaves what users set under Privacy & Security behind.",
    },
    "configuration-screensharing-connection": {
        "ConnectionUUID": "A UUID of your own, by which groups refer to this Mac.",
        "DisplayName": "Name in the list of Screen Sharing.",
        "HostName": "Name or address of the Mac to see.",
        "Port": "TCP port to connect to. Left out, the usual one.",
        "DisplayConfiguration": "What is shown.",
        "DisplayConfiguration.DisplayType": "Virtual1: one display made for the connection; Virtual2: two of them.",
        "AuthenticationCredentialsAssetReference": "Identifier of the asset with user name and password. Left out, the "
        "user is asked.",
    },
    "configuration-screensharing-connection-group": {
        "ConnectionGroupUUID": "A UUID of your own for the group.",
        "GroupName": "Name of the group in the list of Screen Sharing.",
        "Members": "The Macs in it.",
        "Members.[]": "ConnectionUUID of one of them.",
    },
    "configuration-screensharing-host-settings": {
        "MaximumVirtualDisplays": "Most displays that are made for those who connect.",
        "PortBase": "First UDP port to use; each further connection takes the next. The first contact is always TCP "
        "5900.",
        "PreventCopyFilesFromHost": "Yes keeps those who connect from taking files off this Mac.",
        "PreventCopyFilesToHost": "Yes keeps those who connect from putting files on this Mac.",
        "PreventHighPerformanceConnections": "Yes leaves only connections of standard quality.",
    },
    "configuration-services-background-tasks": {
        "TaskType": "A name of your own, such as com.example.backup, that tells these tasks from others.",
        "TaskDescription": "What they do, for people.",
        "ExecutableAssetReference": "Identifier of the asset with programs and their files, a zip of one folder. The "
        "asset must give media type and SHA-256.",
        "LaunchdConfigurations": "When and how the programs are started.",
        "LaunchdConfigurations.[]": "One file for launchd.",
        "LaunchdConfigurations.[].FileAssetReference": "Identifier of the asset with the file, a launchd.plist. The "
        "asset must give media type and SHA-256.",
        "LaunchdConfigurations.[].Context": "daemon: runs for the Mac, without a user; agent: runs for each user who "
        "is signed in.",
    },
    "configuration-services-configuration-files": {
        "ServiceType": "Which service, such as com.apple.sshd or com.apple.sudo.",
        "DataAssetReference": "Identifier of the asset with its files, a zip of one folder. The asset must give media "
        "type and SHA-256.",
    },
}  # fmt: skip
