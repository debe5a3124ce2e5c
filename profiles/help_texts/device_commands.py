"""Words on commands about the device itself: locks, erasing, Lost Mode, questions, updates, users."""

_PHONE_SHOWN = "Number to call, shown below the message."

TEXTS = {
    "account-configuration": {
        "": "Makes the accounts of a new Mac while it waits in Setup Assistant; nothing happens on one that is set up.",
        "SkipPrimarySetupAccountCreation": "Nobody is asked to make an account; an administrator's account below is "
        "needed then, and the Mac does not sign in by itself.",
        "SetPrimarySetupAccountAsRegularUser": "The account made in Setup Assistant is no administrator; one has to be "
        "given below.",
        "PrimaryAccountFullName": "Full name offered for the user's account. From macOS 10.15.",
        "PrimaryAccountUserName": "Short name offered for the user's account. From macOS 10.15.",
        "DontAutoPopulatePrimaryAccountInfo": "Nothing is offered: users type both names themselves.",
        "LockPrimaryAccountInfo": "Users cannot change the names that are offered.",
        "AutoSetupAdminAccounts": "Account of an administrator that is made silently. Macs take the first only.",
        "AutoSetupAdminAccounts.[]": "One administrator.",
        "AutoSetupAdminAccounts.[].shortName": "Name of the account and of its home folder, such as itadmin.",
        "AutoSetupAdminAccounts.[].fullName": "Name that people see; the short one when empty.",
        "AutoSetupAdminAccounts.[].passwordHash": "Hash of the password, never the password: a property list with "
        "SALTED-SHA512-PBKDF2.",
        "AutoSetupAdminAccounts.[].hidden": "Not shown in the login window or in Users & Groups.",
        "ManagedLocalUserShortName": "Account that gets profiles for users, where it is not the one made in Setup "
        "Assistant. From macOS 11.",
    },
    "cancel-enhanced-log-collection": {
        "": "Stops the detailed logging that was started for AppleCare; where there is none, nothing happens.",
    },
    "declarativemanagement": {
        "": "Starts declarative management, or tells the device that its declarations changed; it fetches them itself.",
        "Data": "Tokens of the declarations as JSON. Without them the device asks for them.",
    },
    "device-activationlock-bypasscode": {
        "": "Asks for the code that lifts Activation Lock. Devices give it for 15 days after they became supervised.",
    },
    "device-activationlock-clearbypasscode": {
        "": "Makes the device forget its bypass code. A code that was read before still works until the lock is off.",
    },
    "device-configured": {
        "": "Lets a device that waits in Setup Assistant go on. Send it last, after everything it needs first.",
    },
    "device-erase": {
        "": "Deletes everything on the device and starts it as new. The person holding it sees it happen.",
        "PreserveDataPlan": "Keep eSIMs, so that an iPhone or iPad is online afterwards.",
        "DisallowProximitySetup": "No Quick Start from another device at the next setup. iPhone and iPad.",
        "PIN": "Six digits that unlock an Intel Mac after erasing. Left empty, each gets one of its own, which is "
        "kept among its secrets. Macs with Apple silicon have no use for it.",
        "ObliterationBehavior": "What a Mac with a T2 chip or Apple silicon does where it cannot simply drop its keys: "
        "Default and ObliterateWithWarning wipe the disk then, DoNotObliterate gives up, Always wipes the disk at once "
        "and macOS has to be installed anew.",
        "ReturnToService": "Set the device up again by itself, without anybody touching it. iPhone and iPad from 17, "
        "Apple TV from 18.",
        "ReturnToService.Enabled": "Skip the panes of Setup Assistant and enroll again.",
        "ReturnToService.WiFiProfileData": "Profile of a Wi-Fi network to join. Needed where there is no cable.",
        "ReturnToService.MDMProfileData": "Enrollment profile to use. Leave empty for devices of Apple Business or "
        "School Manager: they fetch their own.",
        "ReturnToService.BootstrapToken": "Bootstrap token, so that apps on the device survive. iPhone and iPad "
        "from 26.",
        "ReturnToService.ShouldRetryEnrollment": "Try to enroll again and again instead of giving up.",
    },
    "device-esim": {
        "": "Makes an iPhone or iPad fetch its eSIM from the carrier's server.",
        "eSIMServerURL": "Address of the carrier's eSIM server. The carrier tells it.",
    },
    "device-lock": {
        "": "Locks the screen at once. An iPhone or iPad opens with its passcode; a Mac restarts and wants the PIN.",
        "Message": "Words on the Lock Screen.",
        "PhoneNumber": _PHONE_SHOWN,
        "PIN": "Six digits that unlock a Mac. Left empty, each Mac gets one of its own, which is kept among its "
        "secrets.",
    },
    "device-lostmode-disable": {
        "": "Ends Lost Mode. The user can use the device again and is told if it was located.",
    },
    "device-lostmode-enable": {
        "": "Blocks a supervised iPhone or iPad behind a message until Lost Mode is ended. A message or a number is "
        "needed.",
        "Message": "Words on the Lock Screen, such as whom the device belongs to.",
        "PhoneNumber": _PHONE_SHOWN,
        "Footnote": "Line at the bottom of the screen, where it otherwise says how to unlock.",
    },
    "device-lostmode-location": {
        "": "Asks where a device in Lost Mode is. Its user is told when Lost Mode ends.",
    },
    "device-lostmode-playsound": {
        "": "Plays a sound on a device in Lost Mode until somebody stops it there or Lost Mode ends.",
    },
    "device-restart": {
        "": "Restarts the device. iPhones and iPads with a passcode are offline on Wi-Fi until it is typed.",
        "RebuildKernelCache": "Build the cache of kernel extensions anew. Mac from macOS 11; needs a bootstrap token "
        "on Apple silicon.",
        "KextPaths": "Kernel extensions for the new cache; empty: those that were loaded. Only with the key above.",
        "KextPaths.[]": "Path of one kernel extension.",
        "NotifyUser": "Ask the Mac's user to restart when convenient, instead of restarting at once. From macOS 11.3.",
    },
    "device-restrictions-clearpassword": {
        "": "Removes the Screen Time passcode, and what it restricts, from a supervised iPhone or iPad.",
    },
    "device-restrictions-list": {
        "": "Asks which restrictions count on the device, all profiles taken together.",
        "ProfileRestrictions": "Also list what each profile restricts.",
    },
    "device-shutdown": {
        "": "Switches the device off. Nothing reaches it until somebody switches it on by hand.",
    },
    "information-contentcaching": {
        "": "Asks a Mac how its content cache does: what it holds, served and fetched.",
    },
    "information-device": {
        "": "Asks for facts about the device: name, system, storage, network and more. Nobody notices.",
        "Queries": "What to ask for. The device leaves out what it has not got.",
        "Queries.[]": "One fact.",
        "DeviceAttestationNonce": "Up to 32 bytes that Apple's attestation repeats, which proves that it is fresh. For "
        "DevicePropertiesAttestation.",
    },
    "information-security": {
        "": "Asks about encryption, passcode, firewall, secure boot and the like. Nobody notices.",
    },
    "lom-devicerequest": {
        "": "Makes this Mac switch other Macs on, off or restart them over the network (lights-out management).",
        "RequestList": "The Macs to act on.",
        "RequestList.[]": "One Mac.",
        "RequestList.[].DeviceRequestType": "PowerON starts it, PowerOFF cuts its power, Reset restarts it hard: "
        "unsaved work is lost.",
        "RequestList.[].DeviceRequestUUID": "A name of your own for this request; the answer repeats it.",
        "RequestList.[].DeviceDNSName": "Host name of that Mac, from its answer to the question for lights-out setup.",
        "RequestList.[].PrimaryIPv6AddressList": "Link-local addresses of its first network port.",
        "RequestList.[].PrimaryIPv6AddressList.[]": "One IPv6 address.",
        "RequestList.[].SecondaryIPv6AddressList": "Link-local addresses of its second network port.",
        "RequestList.[].SecondaryIPv6AddressList.[]": "One IPv6 address.",
        "RequestList.[].LOMProtocolVersion": "Version of the protocol, from the same answer.",
    },
    "lom-setuprequest": {
        "": "Asks a Mac for the addresses by which others reach it for lights-out management.",
    },
    "mirroring-request": {
        "": "Starts AirPlay from the device to a screen. On iPhone and iPad the user may be asked first.",
        "DestinationName": "Name of the screen. Give this or its device ID.",
        "DestinationDeviceID": "Hardware address of the screen, as in 12:34:56:78:9A:BC. Counts before the name.",
        "ScanTime": "Seconds to look for the screen, 10 to 300; 30 when empty.",
        "Password": "Password of the screen, if it has one.",
    },
    "mirroring-stop": {
        "": "Ends AirPlay from a supervised device.",
    },
    "passcode-clear": {
        "": "Removes the passcode of an iPhone or iPad. Whoever holds it can open it, and is asked for a new one soon "
        "if a profile demands it.",
        "UnlockToken": "What the device gave when it enrolled; only this opens it.",
    },
    "passcode-firmware-set": {
        "": "Sets, changes or removes the firmware password of an Intel Mac. It counts from the next restart.",
        "CurrentPassword": "The firmware password of now, if there is one.",
        "NewPassword": "The new one; an empty text removes it.",
        "AllowOroms": "Let firmware of plugged-in cards run although there is a password.",
    },
    "passcode-firmware-verify": {
        "": "Asks an Intel Mac if this is its firmware password.",
        "Password": "Password to try.",
    },
    "passcode-recovery-set": {
        "": "Sets, changes or removes the password that protects recoveryOS on a Mac with Apple silicon.",
        "CurrentPassword": "The Recovery Lock of now, if there is one. A wrong one is refused.",
        "NewPassword": "The new one; an empty text removes it.",
    },
    "passcode-recovery-verify": {
        "": "Asks a Mac with Apple silicon if this is its Recovery Lock password.",
        "Password": "Password to try.",
    },
    "passcode-unlocktoken": {
        "": "Asked for the token that removes the passcode. Devices give it when they enroll, so nothing is lost "
        "without it.",
    },
    "remotedesktop-disable": {
        "": "Switches Remote Management (Apple Remote Desktop) off on a Mac.",
    },
    "remotedesktop-enable": {
        "": "Switches Remote Management (Apple Remote Desktop) on, so that a Mac can be seen and controlled.",
    },
    "rotate-file-vault-key": {
        "": "Makes a Mac replace its FileVault recovery key; the old one opens nothing afterwards.",
        "KeyType": "personal: the key of this Mac alone; institutional: the one that an organization shares.",
        "FileVaultUnlock": "What opens the disk, to prove that the key may be replaced.",
        "FileVaultUnlock.Password": "Password of a user or the personal recovery key.",
        "FileVaultUnlock.PrivateKeyExport": "Key of the institution as PKCS#12.",
        "FileVaultUnlock.PrivateKeyExportPassword": "Password of that PKCS#12.",
        "NewCertificate": "Certificate of the new institutional key, in DER.",
        "ReplyEncryptionCertificate": "Certificate, in DER, that the new personal key is encrypted for.",
    },
    "set-auto-admin-password": {
        "": "Gives the administrator's account that was made at setup a new password.",
        "GUID": "Which account: its GUID, as DeviceInformation has it.",
        "passwordHash": "Hash of the new password, never the password: a property list with SALTED-SHA512-PBKDF2.",
    },
    "system-update-available": {
        "": "Asks which system updates a device could install. A Mac answers from its last look.",
    },
    "system-update-scan": {
        "": "Makes a Mac look for system updates.",
        "Force": "Look at once instead of when the Mac likes.",
    },
    "system-update-schedule": {
        "": "Asks a device to download or install system updates.",
        "Updates": "The updates.",
        "Updates.[]": "One update.",
        "Updates.[].ProductKey": "Apple's key of the update, from the list of available ones.",
        "Updates.[].ProductVersion": "Version to install, such as 17.5.1; needed where there is no key.",
        "Updates.[].InstallAction": "How far to go: download only, tell the user, install in the night, or at once. "
        "InstallForceRestart does not wait for unsaved work.",
        "Updates.[].MaxUserDeferrals": "How often a Mac's user may put it off, once a day; with InstallLater only.",
        "Updates.[].Priority": "High downloads a small update as if the user had asked for it. From macOS 12.3.",
    },
    "system-update-status": {
        "": "Asks how far the download and installation of system updates are.",
    },
    "trigger-enhanced-log-collection": {
        "": "Makes a supervised device gather detailed logs and send them to AppleCare.",
        "AppleCareToken": "Token of the support case, from AppleCare.",
    },
    "user-configured": {
        "": "Lets somebody who is signing in on a Shared iPad go on, where the iPad waits for it.",
    },
    "user-delete": {
        "": "Deletes a user with all data from a Shared iPad or a Mac.",
        "UserName": "Account to delete. Needed unless all are to go.",
        "ForceDeletion": "Delete although not everything has reached iCloud: that data is lost.",
        "DeleteAllUsers": "Delete every user of a Shared iPad. From iPadOS 14.",
    },
    "user-list": {
        "": "Asks which users have accounts on a Shared iPad or a Mac.",
    },
    "user-logout": {
        "": "Signs the current user of a Shared iPad or a Mac out. On a Mac apps may ask about unsaved work.",
    },
    "user-unlock": {
        "": "Opens a Mac's local account again that too many wrong passwords had blocked.",
        "UserName": "Short name of the account.",
    },
}  # fmt: skip
