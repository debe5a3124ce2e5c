"""Words on the keys of declarations about passcodes, certificates, passkeys, system updates and Apple Watch."""

_EXTRACTABLE = "No keeps the key in the keychain, so that it cannot be exported."
_PROGRAM = {
    "Description": "Name of the program, for people.",
    "Token": "Token of the program, from Apple Business or School Manager.",
}


def _below(path: str, texts: dict[str, str]) -> dict[str, str]:
    return {f"{path}.{name}": text for name, text in texts.items()}


TEXTS: dict[str, dict[str, str]] = {
    "configuration-passcode-settings": {
        "RequirePasscode": "Yes asks for a passcode of any kind. Any other rule here asks for one in any case.",
        "RequireAlphanumericPasscode": "Yes asks for a letter and a digit in it.",
        "RequireComplexPasscode": "Yes refuses repeated characters and rows such as 123 or CBA.",
        "MinimumLength": "Fewest characters that it may have.",
        "MinimumComplexCharacters": "Fewest characters in it that are neither letter nor digit.",
        "MaximumFailedAttempts": "Wrong tries before an iPhone, iPad, Vision Pro or Watch erases itself and a Mac "
        "locks. After the sixth, users wait longer each time.",
        "FailedAttemptsResetInMinutes": "Minutes until a Mac that has locked lets the user try again. It needs the "
        "number of wrong tries too.",
        "MaximumGracePeriodInMinutes": "Longest time after locking in which users may choose to get in without the "
        "passcode; 0: always ask. Left out, they choose any.",
        "MaximumInactivityInMinutes": "Longest idle time before locking that users may choose. Left out, they choose "
        "any.",
        "MaximumPasscodeAgeInDays": "Days until users must change it. Left out, never.",
        "PasscodeReuseLimit": "How many earlier passcodes a new one may not be. Left out, none is remembered.",
        "ChangeAtNextAuth": "Yes makes users set a new password when they next sign in to a Mac; for the whole Mac it "
        "meets administrators too.",
        "CustomRegex": "A pattern of your own for passwords of a Mac. A wrong one can leave no password that is valid.",
        "CustomRegex.Regex": "The pattern in ICU syntax, of at most 2048 characters.",
        "CustomRegex.Description": "What the pattern asks for, in the languages of the users.",
        "CustomRegex.Description.*": "The text for one language such as en-US; default is for all others.",
    },
    "configuration-security-certificate": {
        "CredentialAssetReference": "Identifier of the asset with the certificate.",
    },
    "configuration-security-identity": {
        "CredentialAssetReference": "Identifier of the asset with the identity.",
        "AllowAllAppsAccess": "Yes lets all apps of a Mac use the key without asking.",
        "KeyIsExtractable": _EXTRACTABLE,
    },
    "configuration-security-passkey-attestation": {
        "AttestationIdentityAssetReference": "Identifier of the asset with the identity that vouches for passkeys.",
        "AttestationIdentityKeyIsExtractable": _EXTRACTABLE,
        "RelyingParties": "Websites that get the proof. Others get passkeys without it.",
        "RelyingParties.[]": "One domain, such as example.com.",
    },
    "configuration-softwareupdate-enforcement-specific": {
        "TargetOSVersion": "Version to be at by then, such as 26.1. A device that has it or a newer one does nothing.",
        "TargetBuildVersion": "Build to be at, such as 23B85; for tests of beta versions. Left out, the version "
        "decides.",
        "TargetLocalDateTime": "Day and time in the device's time zone, such as 2027-03-01T18:00:00. Whoever has not "
        "updated by then is updated at once.",
        "DetailsURL": "Page of yours that tells users about the update.",
    },
    "configuration-softwareupdate-settings": {
        "Notifications": "No leaves only the notices of the last hour before the date and of the restart.",
        "Deferrals": "How long users are not offered an update. Background Security Improvements are not held back.",
        "Deferrals.CombinedPeriodInDays": "Days from the release of a system version, major or minor, on "
        "devices other than Macs.",
        "Deferrals.MajorPeriodInDays": "Days from the release of a major system version of a Mac.",
        "Deferrals.MinorPeriodInDays": "Days from the release of a minor system version of a Mac.",
        "Deferrals.SystemPeriodInDays": "Days from the release of other updates for a Mac.",
        "RecommendedCadence": "Which updates users see when there are several: all, the lowest version or the highest.",
        "AutomaticActions": "What updates do by themselves.",
        "AutomaticActions.Download": "AlwaysOn or AlwaysOff decide for the user whether updates are loaded by "
        "themselves; Allowed leaves it to the user.",
        "AutomaticActions.InstallOSUpdates": "AlwaysOn or AlwaysOff decide whether system updates install by "
        "themselves. They must be loaded so too.",
        "AutomaticActions.InstallSecurityUpdate": "AlwaysOn or AlwaysOff decide whether security updates install by "
        "themselves. They must be loaded so too.",
        "RapidSecurityResponse": "Background Security Improvements: small fixes between two updates.",
        "RapidSecurityResponse.Enable": "No keeps them from users; an enforced version still installs them.",
        "RapidSecurityResponse.EnableRollback": "No keeps users from taking one back.",
        "AllowStandardUserOSUpdates": "No lets only administrators of a Mac update the system.",
        "Beta": "Beta versions of the system.",
        "Beta.ProgramEnrollment": "Allowed: users join programs of their Apple Account; AlwaysOn: only those named "
        "here; AlwaysOff: none.",
        "Beta.OfferPrograms": "Programs that users may choose from. Not with a required one, and not with AlwaysOff.",
        "Beta.OfferPrograms.[]": "One program.",
        **_below("Beta.OfferPrograms.[]", _PROGRAM),
        "Beta.RequireProgram": "The program that the device joins by itself. Only with AlwaysOn.",
        **_below("Beta.RequireProgram", _PROGRAM),
    },
    "configuration-watch-enrollment": {
        "EnrollmentProfileURL": "Address of the enrollment profile, with https. The iPhone must be supervised and the "
        "user must agree when pairing.",
        "AnchorCertificateAssetReferences": "Certificates, one of which the server of that address must come from. "
        "Left out, any that the system trusts.",
        "AnchorCertificateAssetReferences.[]": "Identifier of the asset with one certificate.",
    },
}
