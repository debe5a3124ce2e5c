"""Words on commands about what is on a device: apps, books, profiles, certificates; and every item of Settings."""

_IDENTIFIERS = "Bundle identifiers; a watch app has one of its own."
_ONE_IDENTIFIER = "One bundle identifier, such as com.example.app."
_APP_KEYS = {
    "VPNUUID": "Per-app VPN for this app: the VPNUUID of its payload.",
    "ContentFilterUUID": "Content filter for this app: the ContentFilterUUID of its payload. From iOS 16.",
    "DNSProxyUUID": "DNS proxy for this app: the DNSProxyUUID of its payload. From iOS 16.",
    "RelayUUID": "Relay for this app: the RelayUUID of its payload. From iOS 17.",
    "AssociatedDomains": "Domains that open in the app and share passwords with it, added to those it has itself.",
    "AssociatedDomains.[]": "One entry as service:domain, such as applinks:example.com.",
    "AssociatedDomainsEnableDirectDownloads": "Check those domains directly, not through Apple. For domains inside a "
    "closed network. From iOS 14.",
    "Removable": "No keeps the user from deleting the app. From iOS 14 and tvOS 14.",
    "TapToPayScreenLock": "Lock the screen after each card payment with a PIN; empty leaves it to the user. From "
    "iOS 16.4.",
    "CellularSliceUUID": "Part of the carrier's 5G network to use, as DNN:name or AppCategory:name. From iOS 17.",
    "Hideable": "No keeps the user from hiding the app. From iOS 18.1.",
    "Lockable": "No keeps the user from locking the app, and so from hiding it. From iOS 18.1.",
}
_INSTALL = {
    "InstallAsManaged": "Install a Mac app as managed, so that it can be configured and removed. On iPhone and iPad "
    "every app is.",
    "ChangeManagementState": "Managed: take over a copy that the user installed. The user may be asked; not in User "
    "Enrollment.",
    "iOSApp": "It is an iPhone or iPad app for a Mac with Apple silicon.",
    "Configuration": "Settings that the app reads; its maker says which. No place for secrets.",
    "Configuration.*": "One setting of the app.",
    "ManifestURL": "Address of the app's manifest, with https. For apps that are not from the App Store.",
}


def _below(path: str, texts: dict[str, str]) -> dict[str, str]:
    return {f"{path}.{name}": text for name, text in texts.items()}


def _item(name: str, about: str, **keys: str) -> dict[str, str]:
    path = f"Settings.[{name}]"
    return {path: about, f"{path}.Item": "Which setting this is.", **_below(path, keys)}


TEXTS = {
    "application-extensions-listactive": {
        "": "Asks which app extensions are on for a Mac's user.",
        "FilterExtensionPoints": "Only extensions of these sorts; all when empty.",
        "FilterExtensionPoints.[]": "One sort, such as com.apple.share-services.",
    },
    "application-extensions-mappings": {
        "": "Asks which app extensions a Mac's user has, and of which sort each is.",
    },
    "application-install": {
        "": "Installs an app, or updates one that is managed. Give one of store ID, bundle identifier or manifest.",
        "iTunesStoreID": "Number of the app in the App Store, from its address: id361309726.",
        "Identifier": _ONE_IDENTIFIER,
        "Options": "How the app was bought.",
        "Options.PurchaseMethod": "1: a license of Apple Business or School Manager; 0: a free app or a redemption "
        "code, with the user's Apple Account.",
        "ManagementFlags": "1: the app goes when the enrollment ends; 4: its data is left out of backups; 5: both.",
        "Attributes": "How the system treats the app.",
        **_below("Attributes", _APP_KEYS),
        **_INSTALL,
    },
    "application-install-enterprise": {
        "": "Installs a package on a Mac by its manifest. Nobody is asked.",
        "Manifest": "The manifest itself, in place of its address.",
        "Manifest.*": "One key of the manifest; items say where the package is and its hashes.",
        "ManifestURLPinningCerts": "Certificates, one of which the manifest's server must show.",
        "ManifestURLPinningCerts.[]": "One certificate in DER.",
        "PinningRevocationCheckRequired": "Refuse the server unless it is certain that its certificate is not revoked.",
        "ManagementFlags": "1: the app goes when the enrollment ends, if it is managed. From macOS 11.",
        **_INSTALL,
    },
    "application-installed-list": {
        "": "Asks which apps are installed. In User Enrollment only managed apps are told.",
        "Identifiers": f"Only these apps; all when empty. {_IDENTIFIERS}",
        "Identifiers.[]": _ONE_IDENTIFIER,
        "ManagedAppsOnly": "Leave out what users installed themselves.",
        "Items": "What to tell about each app; everything when empty. Sizes take long.",
        "Items.[]": "One fact about each app.",
    },
    "application-invitetoprogram": {
        "": "Invites the user to take part in volume purchases. The user sees the invitation and decides.",
        "ProgramID": "The only program there is.",
        "InvitationURL": "Address of the user's invitation, from Apple's service for licenses.",
    },
    "application-managed-list": {
        "": "Asks how far each managed app is: waiting, installing, installed, refused by the user.",
        "Identifiers": f"Only these apps; all when empty. {_IDENTIFIERS}",
        "Identifiers.[]": _ONE_IDENTIFIER,
    },
    "application-redemptioncode": {
        "": "Hands the redemption code to an app that waits for it.",
        "Identifier": _ONE_IDENTIFIER,
        "RedemptionCode": "The code. It can be used once.",
    },
    "application-remove": {
        "": "Removes a managed app with its data. The user is not asked.",
        "Identifier": f"{_ONE_IDENTIFIER} Only apps that are managed can be removed.",
    },
    "application-validate": {
        "": "Makes the device check now if apps of the organization are still trusted; it needs the internet.",
        "Identifiers": f"Apps to check; all such apps when empty. {_IDENTIFIERS}",
        "Identifiers.[]": _ONE_IDENTIFIER,
    },
    "certificate-list": {
        "": "Asks which certificates are installed. Nobody notices.",
        "ManagedOnly": "Only certificates that came with MDM or a profile of it. In User Enrollment it is always so.",
    },
    "managed-application-attributes": {
        "": "Asks how the system treats managed apps: per-app VPN, associated domains and the like.",
        "Identifiers": _IDENTIFIERS,
        "Identifiers.[]": _ONE_IDENTIFIER,
    },
    "managed-application-configuration": {
        "": "Asks which settings managed apps were given.",
        "Identifiers": _IDENTIFIERS,
        "Identifiers.[]": _ONE_IDENTIFIER,
    },
    "managed-application-feedback": {
        "": "Asks for what managed apps report by themselves.",
        "Identifiers": _IDENTIFIERS,
        "Identifiers.[]": _ONE_IDENTIFIER,
        "DeleteFeedback": "Forget the report on the device once it was read.",
    },
    "media-install": {
        "": "Installs a book on an iPhone or iPad, from the store or from an address.",
        "iTunesStoreID": "Number of the book in the store. Give this or the address.",
        "MediaURL": "Where the file is, with https.",
        "MediaType": "Books are all there is.",
        "PersistentID": "A name of your own that stays the same for new versions. Needed with the address.",
        "Kind": "Which sort of file is at the address.",
        "Version": "Version, as you count.",
        "Author": "Author that Books shows.",
        "Title": "Title that Books shows.",
    },
    "media-managed-list": {
        "": "Asks which managed books there are and how far each is.",
    },
    "media-remove": {
        "": "Removes a managed book. One that is not there is no error.",
        "MediaType": "Books are all there is.",
        "iTunesStoreID": "Number of a book from the store. Give this or the name below.",
        "PersistentID": "The name that the book was installed with.",
    },
    "profile-install": {
        "": "Installs a profile once. What is assigned to the device does not know of it.",
        "Payload": "The profile as a .mobileconfig file, signed or not.",
    },
    "profile-list": {
        "": "Asks which profiles are installed. Nobody notices.",
        "ManagedOnly": "Only profiles that MDM installed. In User Enrollment it is always so.",
    },
    "profile-provisioning-install": {
        "": "Installs a provisioning profile, which lets an app of the organization's own start.",
        "ProvisioningProfile": "The .mobileprovision file.",
    },
    "profile-provisioning-list": {
        "": "Asks which provisioning profiles are installed.",
        "ManagedOnly": "Only those that MDM installed. In User Enrollment it is always so.",
    },
    "profile-provisioning-remove": {
        "": "Removes a provisioning profile. Apps that need it no longer start.",
        "UUID": "UUID of the provisioning profile, from the list of them.",
    },
    "profile-remove": {
        "": "Removes a profile with everything that it set, passwords and certificates too.",
        "Identifier": "PayloadIdentifier of the profile. That of the enrollment ends management.",
    },
    "settings": {
        "": "Changes settings of the device. Most can be changed back on the device.",
        "Settings": "What to change; one answer for each comes back.",
        **_item("Wallpaper", "Picture on a supervised iPhone or iPad.", Image="A PNG or JPEG.",
                Where="1: Lock Screen; 2: Home Screen; 3: both."),
        **_item("DataRoaming", "Mobile data abroad. The user can change it again.",
                Enabled="On. Off takes voice roaming along where the carrier ties both."),
        **_item("VoiceRoaming", "Calls abroad. Not all carriers allow it to be changed.",
                Enabled="On. Off takes data roaming along."),
        **_item("PersonalHotspot", "Sharing the connection of an iPhone or iPad. The carrier must allow it.",
                Enabled="On."),
        **_item("Bluetooth", "Bluetooth of a supervised device. A Mac with no cable loses its keyboard and mouse.",
                Enabled="On."),
        **_item("ApplicationConfiguration", "Settings of a managed app. They replace all it was given before.",
                Identifier=_ONE_IDENTIFIER, Configuration="Settings that the app reads; empty takes them away.",
                **{"Configuration.*": "One setting of the app."}),
        **_item("ApplicationAttributes", "How the system treats a managed app. They replace all that was set before.",
                Identifier=_ONE_IDENTIFIER, Attributes="The attributes; empty takes them away.",
                **_below("Attributes", _APP_KEYS)),
        **_item("DeviceName", "Name of a supervised device, seen in Settings, AirDrop and the network.",
                DeviceName="The name; $SERIAL_NUMBER and the like are not filled in here."),
        **_item("HostName", "Host name of a Mac.", HostName="Name in the network, such as mac-042.example.com."),
        **_item("OrganizationInfo", "Who runs the device. Without details what was set before is taken away.",
                OrganizationInfo="The details that users see.",
                **_below("OrganizationInfo", {
                    "OrganizationName": "Name of the organization, shown when apps are installed.",
                    "OrganizationShortName": "One word or initials, for where there is little room.",
                    "OrganizationAddress": "Postal address; lines are kept.",
                    "OrganizationPhone": "Number for help.",
                    "OrganizationEmail": "Address for help.",
                    "OrganizationMagic": "The same text in all services of one organization, so that they belong "
                    "together.",
                })),
        **_item("DefaultApplications", "Which app opens what, on a supervised iPhone or iPad.",
                WebBrowser="Browser: bundle identifier of one that may be the default where the device is.",
                Calling="App for calls: bundle identifier of one that may be the default.",
                Messaging="App for messages: bundle identifier of one that may be the default."),
        **_item("MDMOptions", "What this server wants of the device.",
                MDMOptions="The options; what is left out stays as it is.",
                **_below("MDMOptions", {
                    "ActivationLockAllowedWhileSupervised": "Activation Lock comes on with the user's Find My. "
                    "Otherwise it stays off on supervised devices.",
                    "BootstrapTokenAllowed": "Macs may hand over a bootstrap token.",
                    "PromptUserToAllowBootstrapTokenForAuthentication": "Ask the Mac's user to lower its security in "
                    "recoveryOS, for kernel extensions and updates by MDM.",
                    "IdleRebootAllowed": "A device that stays locked for days restarts by itself, which locks its data "
                    "away. Off when supervised, unless this says otherwise.",
                })),
        **_item("MaximumResidentUsers", "Number of users that a Shared iPad keeps.",
                MaximumResidentUsers="Users that keep data on the iPad. Only while it waits in Setup Assistant."),
        **_item("SharedDeviceConfiguration", "How a Shared iPad is shared. Only while no user is on it.",
                QuotaSize="Megabytes for each user. Give this or the number of users.",
                ResidentUsers="Users that are expected; the storage is divided by them.",
                UserSessionTimeout="Seconds of idleness until a user is signed out: 30 or more; 0: never. From "
                "iPadOS 14.5.",
                TemporarySessionTimeout="Seconds of idleness until a guest is signed out: 30 or more; 0: never. From "
                "iPadOS 14.5.",
                TemporarySessionOnly="Guests only; nobody can sign in. What they leave is deleted when they go.",
                ManagedAppleIDDefaultDomains="Domains to choose from at sign-in. Three are shown. From iPadOS 16.",
                OnlineAuthenticationGracePeriod="Days a known user can sign in without Apple's server; 0: each sign-in "
                "asks it. From iPadOS 16.",
                SkipLanguageAndLocaleSetupForNewUsers="New users are not asked for language and region. From "
                "iPadOS 16.2.",
                AwaitUserConfiguration="Hold users at sign-in until their profiles are there. From iPadOS 17.",
                PasscodePolicy="When the screen locks. From iPadOS 17.",
                **{
                    "ManagedAppleIDDefaultDomains.[]": "One domain, such as school.example.",
                    "AwaitUserConfiguration.Enabled": "Hold them. The command UserConfigured lets them go on; until "
                    "then they cannot do anything.",
                    "PasscodePolicy.PasscodeLockGracePeriod": "Seconds after locking in which no passcode is asked "
                    "for. A longer time counts from the next sign-in.",
                    "PasscodePolicy.AutoLockTime": "Seconds of idleness until the screen goes off: 120 or more.",
                }),
        **_item("DiagnosticSubmission", "Diagnostics of a Shared iPad for Apple.", Enabled="They are sent."),
        **_item("AppAnalytics", "Statistics of a Shared iPad for makers of apps.", Enabled="They are sent."),
        **_item("PasscodeLockGracePeriod", "Time after locking in which a Shared iPad asks for no passcode.",
                PasscodeLockGracePeriod="Seconds. A longer time counts from the next sign-in."),
        **_item("TimeZone", "Time zone of a supervised device. Finding it by location goes off.",
                TimeZone="Name as in Europe/Paris."),
        **_item("SoftwareUpdateSettings", "Which updates iPhone and iPad offered when there were two.",
                RecommendationCadence="0: both; 1: the older one; 2: the newer one."),
        **_item("AccessibilitySettings", "Help for seeing and touching. Users can change it again.",
                BoldTextEnabled="Bold text.", IncreaseContrastEnabled="More contrast.",
                ReduceMotionEnabled="Fewer animations.", ReduceTransparencyEnabled="Less transparency and blur.",
                TextSize="0 is smallest.", TouchAccommodationsEnabled="Touches are read more patiently.",
                VoiceOverEnabled="VoiceOver reads the screen aloud.", ZoomEnabled="Zoom magnifies the screen.",
                GrayscaleEnabled="No colors."),
    },
}  # fmt: skip
