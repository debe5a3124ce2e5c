"""Apple's error domains and codes in our own words, {domain: {code: (cause, remedy)}}, for commands.error_words.

What Apple documents under "Error codes" of the MDM protocol, and what devices were seen to answer. A code that is not
here is told in the device's own words; REMEDIES has what helps with a domain whatever the code.
"""

_SUPERVISE = (
    "Supervision comes with Automated Device Enrollment or Apple Configurator; without it leave the device out."
)
_PROFILE = "Open the profile, mend what lint says, and publish it again."
_RIGHTS = "The rights stand in its enrollment profile and change only with a new enrollment."
_NETWORK = "See that the device reaches the server from its network, then retry."
_PERSON = "Ask the person who has the device, then retry."
_PASSCODE = "The person at the device has to choose another passcode."
_ACCOUNT = "Mend the account's settings in the profile, or the person's data that its variables take."
_CERTIFICATE = "Put a certificate that fits into the profile and publish it again."

_MDM = {
    "12000": ("The enrollment profile asks for access rights that do not go together.", "Mend its access rights."),
    "12001": ("The device is managed already, and it can have one management only.", "Remove the other one first."),
    "12002": ("The device could not check in with this server.", _NETWORK),
    "12003": ("The device got a wrong answer to a challenge.", "Retry; if it stays, enroll the device again."),
    "12004": ("The push certificate does not fit.", "Compare its topic with that of the enrollment profile."),
    "12005": ("A certificate that the profile refers to is not there.", _PROFILE),
    "12006": ("The server redirected the device, which follows no redirect.", "Let PUBLIC_URL be the final address."),
    "12007": ("The device's enrollment does not allow this command.", _RIGHTS),
    "12008": ("The device says that the request is malformed, or does not support what it asks for.",
              "Compare it with what this kind of device and its system version can take."),
    "12009": ("The profile cannot replace the one that is installed.", _PROFILE),
    "12010": ("Something went wrong inside the device.", "Retry; if it stays, restart the device."),
    "12011": ("The MDM payload of the enrollment profile is not valid.", "Enroll the device with a new one."),
    "12012": ("A renewed enrollment profile differs in what must stay the same.",
              "Address, topic and capabilities must be those of the enrollment; rights may only shrink."),
    "12013": ("The profile was not installed by this server, so it cannot remove it.",
              "The person at the device can remove it."),
    "12014": ("The provisioning profile was not installed by this server.", "The person at the device can remove it."),
    "12015": ("The device gets no push token from Apple.", "See that it reaches APNs (port 5223 or 443), then retry."),
    "12016": ("The device has lost the identity that it proves itself with.", "Enroll it again."),
    "12017": ("The device could not make its escrow keybag.", "Retry; if it stays, restart the device."),
    "12018": ("The device could not read its escrow keybag, or the command is malformed.", "Retry once."),
    "12019": ("The unlock token does not fit: the device gave a newer one.",
              "Wait for its next check-in, which brings the token, then retry."),
    "12020": ("The server refused the device.", "See the rejected messages for the reason."),
    "12021": ("The device does not know this command, or does not take it in the state it is in.",
              "Compare the command's name, and its platforms and versions, with the device."),
    "12022": ("The topic of the MDM payload is not that of a push certificate.", "Upload the right push certificate."),
    "12023": ("The App Store does not know this app.", "Compare its identifier and the store's country."),
    "12024": ("The app's manifest could not be checked.", "Open the manifest's address in a browser, and mend it."),
    "12025": ("The app is installed already.", "Take management of it with ChangeManagementState."),
    "12026": ("The app is in the queue already.", "Wait for it."),
    "12027": ("What the identifier names is not an app.", "Compare the identifier."),
    "12028": ("The app does not wait for a redemption code.", "Ask for the app first."),
    "12030": ("The address is not valid.", "Compare it with what the provider says."),
    "12031": ("Installing apps is switched off on the device.", "Look for a restriction in its profiles."),
    "12032": ("The manifest names too many apps.", "Name one."),
    "12033": ("The app's manifest is not valid.", "It needs an https address of a package, its bundle and version."),
    "12034": ("The address does not begin with https.", "Serve it with TLS."),
    "12035": ("The app cannot be bought from the device.", "Assign a license, and install with that."),
    "12036": ("The app cannot be removed in the state it is in.", "Wait until its installation is over, then retry."),
    "12037": ("The redemption code is not valid.", "Use another one."),
    "12038": ("The app is not managed by this server.", "Only managed apps can be removed or changed."),
    "12046": ("The book is not managed by this server.", "Only managed books can be removed."),
    "12058": ("The device has no Activation Lock bypass code.",
              "It gives one for 15 days after it was supervised, and only while Activation Lock is allowed."),
    "12067": ("The device is not in Lost Mode.", "Enable Lost Mode first."),
    "12069": ("Lost Mode could not be ended.", "Retry; it also ends when the device is erased."),
    "12071": ("There is no such user on the device.", "Ask for the list of users, and compare the name."),
    "12072": ("The user is logged in.", "Log the user out first."),
    "12075": ("The profile is not on the device.", "There is nothing to remove; refresh the inventory."),
    "12078": ("The device is in Lost Mode and takes no such command.", "End Lost Mode first."),
    "12080": ("The device must be supervised for this.", _SUPERVISE),
    "12083": ("The device has no eSIM.", "Leave it out."),
}  # fmt: skip

_PROFILES = {
    "1000": ("The profile is malformed.", _PROFILE),
    "1001": ("The profile has a version that the device does not know.", "Its PayloadVersion must be 1."),
    "1002": ("A required key of the profile is missing.", _PROFILE),
    "1003": ("A key of the profile has a value of the wrong type.", _PROFILE),
    "1004": ("The profile's signature is not valid.", "Sign it anew, or publish it unsigned."),
    "1005": ("The profile is empty.", "Add a payload."),
    "1006": ("The device cannot decrypt the profile.", "It was encrypted for another certificate."),
    "1007": ("Two payloads of the profile have the same PayloadUUID.", _PROFILE),
    "1008": ("Two payloads of the profile have the same PayloadIdentifier.", _PROFILE),
    "1009": ("The device does not accept this profile as it is.",
             "Compare what its payloads need (supervision, kind of enrollment) with the device."),
    "1010": ("A key of the profile has a value that the device does not support.", _PROFILE),
}  # fmt: skip

_PAYLOADS = {
    "2000": ("A payload is malformed.", _PROFILE),
    "2001": ("A payload has a version that the device does not know.", "Its PayloadVersion must be 1."),
    "2002": ("A required key of a payload is missing.", _PROFILE),
    "2003": ("A key of a payload has a value of the wrong type.", _PROFILE),
    "2004": ("A key of a payload has a value that the device does not support.", _PROFILE),
    "2005": ("Something went wrong inside the device.", "Retry; if it stays, restart the device."),
}

_INSTALLATION = {
    "4000": ("The device cannot read the profile.", _PROFILE),
    "4001": ("The profile could not be installed.", "Compare what its payloads need with the device."),
    "4002": ("Another profile on the device has the same UUID.", "Publish the profile again."),
    "4004": ("Somebody at the device cancelled the installation.", _PERSON),
    "4005": ("The passcode of the device is not as the profile demands.", _PASSCODE),
    "4006": ("The profile's removal date is over.", "Set a later one, or end the assignment."),
    "4007": ("The device does not know the format of the file.", _PROFILE),
    "4008": ("The profile is signed by another certificate than the installed one.", "Sign it with the same one."),
    "4009": ("The device was locked.", "Retry when somebody has unlocked it."),
    "4010": ("The new profile has another identifier than the installed one.", "Keep the identifier."),
    "4011": ("What was sent is not a configuration profile.", _PROFILE),
    "4012": ("The installed profile cannot be replaced by this one.", "Remove the installed one first."),
    "4013": ("The profile could not be updated.", "Retry; if it stays, remove the installed one first."),
    "4014": ("An identity of the profile cannot be used.", _CERTIFICATE),
    "4015": ("The profile that replaces the enrollment profile has no MDM payload.", "Renew it from here."),
    "4016": ("Something went wrong inside the device.", "Retry; if it stays, restart the device."),
    "4017": ("The device has a global HTTP proxy already, and takes one only.", "Unassign the other profile."),
    "4018": ("The device has an APN or cellular payload already, and takes one only.", "Unassign the other profile."),
    "4019": ("The device has Single App Mode already, and takes one only.", "Unassign the other profile."),
    "4020": ("Profiles may not be installed by hand on this device.", "Install it from here."),
    "4021": ("The profile can only be installed without a person.", "Install it from here."),
    "4022": ("The profile can only be installed by a management server.", "Install it from here."),
    "4023": ("The device does not take a payload of this profile.",
             "Leave the device out, or take the payload out of the profile."),
    "4024": ("The profile is not on the device.", "Refresh the inventory."),
    "4025": ("The profile does not fit the device's supervision.", _SUPERVISE),
    "4030": ("A payload of this profile cannot be used on a Shared iPad.",
             "Leave the device out, or take the payload out of the profile."),
}  # fmt: skip

_PASSCODES = {
    "5000": ("The passcode is too short.", _PASSCODE),
    "5001": ("The passcode has too few different characters.", _PASSCODE),
    "5002": ("The passcode has too few special characters.", _PASSCODE),
    "5003": ("The passcode repeats characters.", _PASSCODE),
    "5004": ("The passcode has characters in sequence.", _PASSCODE),
    "5005": ("The passcode has no digit.", _PASSCODE),
    "5006": ("The passcode has no letter.", _PASSCODE),
    "5007": ("The passcode has expired.", _PASSCODE),
    "5008": ("The passcode was used too recently.", _PASSCODE),
    "5010": ("The device is locked.", "Retry when somebody has unlocked it."),
    "5011": ("The passcode is wrong.", _PERSON),
    "5013": ("The passcode could not be removed.", "Retry; the device must be switched on and unlocked once."),
    "5014": ("The passcode could not be set.", "Retry."),
    "5015": ("The grace period could not be set.", "Retry."),
}

_SCEP = {
    "22000": ("The SCEP payload asks for a key usage that does not exist.", _PROFILE),
    "22001": ("The device could not make a key pair.", "Compare key type and size with what it supports."),
    "22002": ("The certificate authority's certificate cannot be read.", "Compare the address of the SCEP server."),
    "22003": ("The answer of the registration authority cannot be read.", "Compare the address of the SCEP server."),
    "22004": ("The SCEP server's certificates cannot be used.", "See that they may sign and encrypt."),
    "22005": ("The device could not reach the SCEP server.", _NETWORK),
    "22006": ("The SCEP server offers too little.", "It must take POST and SHA-256."),
    "22007": ("The certificate that the SCEP server issued is not valid.", "See its log."),
    "22008": ("The device could not make an identity of the certificate.", "Retry; if it stays, see the server's log."),
    "22009": ("The device could not make a temporary identity.", "Retry."),
    "22010": ("The device could not keep a temporary identity.", "Retry."),
    "22011": ("The device could not make a certificate request.", "Compare the subject and the key in the payload."),
    "22012": ("The device could not keep the authority's certificate.", "Retry."),
    "22013": ("The SCEP server refused the request, or its answer is not valid.",
              "Compare the challenge: it may be used up or expired."),
}  # fmt: skip

_WIFI = {
    "13000": ("The Wi-Fi network could not be set up.", _PROFILE),
    "13001": ("The Wi-Fi network needs a user name.", _ACCOUNT),
    "13002": ("The Wi-Fi network needs a password.", _ACCOUNT),
    "13003": ("The Wi-Fi network could not be set up.", _PROFILE),
    "13004": ("The sign-in to the Wi-Fi network could not be set up.", "See that the identity fits the EAP type."),
}
_CERTIFICATES = {
    "9000": ("The password of the certificate container is wrong.", _CERTIFICATE),
    "9001": ("The payload holds more than one certificate.", "Put each in a payload of its own."),
    "9002": ("The certificate could not be kept.", "Retry."),
    "9004": ("The root certificate could not be kept.", "Retry."),
    "9005": ("The certificate cannot be read.", _CERTIFICATE),
    "9006": ("The certificate has no private key, so it is no identity.", _CERTIFICATE),
}
_MAIL = {
    "7000": ("The mail server cannot be reached.", _NETWORK),
    "7001": ("The mail server refuses the user name or password.", _ACCOUNT),
    "7003": ("The S/MIME certificate is not there.", _CERTIFICATE),
    "7004": ("The S/MIME certificate cannot be used.", _CERTIFICATE),
    "7005": ("The IMAP account is not set up rightly.", _ACCOUNT),
    "7006": ("The POP account is not set up rightly.", _ACCOUNT),
    "7007": ("The SMTP account is not set up rightly.", _ACCOUNT),
}
_SETTINGS = {
    "28000": (
        "The device does not know this setting.",
        "Compare the setting's platforms and versions with the device.",
    ),
    "28001": ("The picture of the wallpaper cannot be read.", "Use a PNG or JPEG."),
    "28002": ("The wallpaper could not be set.", "The device must be supervised, and the picture of a fitting size."),
}
_CLIENT = {
    "60": ("FileVault is not on.", "Switch FileVault on first."),
    "61": ("This Mac has no institutional recovery keys.", "Use a personal recovery key."),
    "62": ("FileVault could not be unlocked with the key that was sent.",
           "The escrowed recovery key is not the Mac's: have a new one made on it."),
    "63": ("The certificate that the new key was to be encrypted to is not valid.", "Retry."),
    "70": ("A Recovery Lock password is set, and the command does not hold it.",
           "Reveal the earlier passwords, and set it with the one that is right."),
    "71": ("This Mac does not support the command.", "Recovery Lock needs Apple silicon, a firmware password Intel."),
    "72": ("No Recovery Lock password is set.", "Set one first."),
    "73": ("The firmware password has characters that cannot be typed at the start.", "Use plain letters and digits."),
    "74": ("The Mac takes this command only after Automated Device Enrollment.",
           "Enroll it that way, or have its user approve the enrollment where that is enough."),
    "91": ("The Mac does not know this command.", "Compare the command's name and versions with the Mac's."),
    "96": ("The Mac says that a value of the command is not valid.", "Compare it with Apple's schema."),
    "97": ("The Mac says that a key is missing in the command, or has a value that it does not take.",
           "Add what the Mac names."),
    "98": ("There is no administrator account with this GUID.", "Refresh the inventory: it names the account."),
    "99": ("The Mac does not take the password's hash.", "Retry: a new one is made."),
    "104": ("The Mac cannot erase its content and settings.",
            "Choose what happens then (ObliterationBehavior), and erase again."),
}  # fmt: skip

ERRORS: dict[str, dict[str, tuple[str, str]]] = {
    "MCMDMErrorDomain": _MDM,
    "MCProfileErrorDomain": _PROFILES,
    "MCPayloadErrorDomain": _PAYLOADS,
    "MCRestrictionsErrorDomain": {
        "3000": ("Two restrictions contradict each other.", _PROFILE),
        "3001": ("Two restrictions contradict each other.", _PROFILE),
    },
    "MCInstallationErrorDomain": _INSTALLATION,
    "MCPasscodeErrorDomain": _PASSCODES,
    "MCEmailErrorDomain": _MAIL,
    "MCWebClipErrorDomain": {"8000": ("The web clip could not be installed.", _PROFILE)},
    "MCCertificateErrorDomain": _CERTIFICATES,
    "MCWiFiErrorDomain": _WIFI,
    "MCSCEPErrorDomain": _SCEP,
    "MCProvisioningErrorDomain": {
        "25000": ("The provisioning profile cannot be read.", "Download it anew from Apple."),
        "25001": ("The provisioning profile could not be installed.", "See that it names this device and is valid."),
        "25002": ("The provisioning profile could not be removed.", "Retry."),
    },
    "MCSettingsErrorDomain": _SETTINGS,
    "MCChaperoneErrorDomain": {"29000": ("The device must be supervised for this.", _SUPERVISE)},
    "MDMClientError": _CLIENT,
    "MDMErrorDomain": _CLIENT,
    "DeviceManagement.error": {
        "2213": ("The device finds no update that it could install.", "It may have the newest; refresh its updates."),
    },
    "NSOSStatusErrorDomain": {
        "-909": ("The Mac could not get a certificate that the profile asks for.",
                 "See that it reaches the SCEP server, and that the challenge is not used up."),
    },
    "NSPOSIXErrorDomain": {
        "1": ("The Mac does not take the profile on this channel.",
              "A profile for users goes to a user's channel, one for the system to the device's: change its scope."),
    },
    "NSURLErrorDomain": {
        "-1001": ("The server did not answer the device in time.", _NETWORK),
        "-1003": ("The device cannot find the server's name.", _NETWORK),
        "-1004": ("The device cannot connect to the server.", _NETWORK),
        "-1009": ("The device has no connection to the internet.", "Retry when it is connected."),
        "-1200": ("The device could not make a secure connection.", "See the server's certificate."),
        "-1202": ("The device does not trust the server's certificate.", "Bring its root with a profile first."),
    },
}  # fmt: skip

_UPDATE = "See that the device has space, power and a network, and that the version is still offered for it."
REMEDIES = {
    "com.apple.softwareupdateservices.errors": _UPDATE,
    "SUMacControllerError": _UPDATE,
    "SWUErrorDomain": _UPDATE,
    "SUSClientErrorDomain": _UPDATE,
    "CPProfileManagerErrorDomain": _PROFILE,
    "ConfigProfilePluginDomain": _PROFILE,
    "MCEASErrorDomain": _ACCOUNT,
    "MCCalDAVErrorDomain": _ACCOUNT,
    "MCCardDAVErrorDomain": _ACCOUNT,
    "MCSubCalErrorDomain": _ACCOUNT,
    "MCLDAPErrorDomain": _ACCOUNT,
    "MCVPNErrorDomain": _PROFILE,
    "MCAPNErrorDomain": _PROFILE,
    "MCCellularErrorDomain": _PROFILE,
}
