"""Words on the keys of the declaration about single sign-on; what is below PlatformSSO is for Macs."""

from profiles.help_texts.network_declarations import below

_RULES = (
    "AttemptAuthentication: the provider checks the password, and without a network the Mac does; "
    "RequireAuthentication: the provider must."
)
_ONE_RULE = (
    "One rule. The two grace periods let people in for the times given below; the others ask for Touch ID or a watch, "
    "or allow them."
)
_CREATION = {
    "EnableAtLogin": "Yes makes an account for whoever signs in at the login window. It needs shared keys.",
    "EnableFirstUserDuringSetup": "No leaves the first account of a new Mac to Setup Assistant alone.",
    "EnableRegistrationDuringSetup": "Yes registers the Mac with the provider in Setup Assistant; needed where that "
    "comes before enrollment.",
    "NewUserAuthenticationMethods": "How new users may sign in. Left out, with password and smart card.",
    "NewUserAuthenticationMethods.[]": "One way; AccessKey is a key in Wallet, OpenID a web page.",
    "NewUserAuthorizationMode": "What new users may do. Groups: as their groups below; Temporary: nothing of theirs "
    "stays.",
    "TokenToUserMapping": "Where the provider's answer tells who the user is.",
    "TokenToUserMapping.AccountName": "Claim with the account name, such as preferred_username.",
    "TokenToUserMapping.FullName": "Claim with the full name, such as name.",
    "TemporarySessionQuickLogin": "Yes makes signing in as a guest quicker: the whole home folder is erased every "
    "eight hours only, and parts of it after each session.",
}
_AUTHORIZATION = {
    "EnableIdentityProviderAccounts": "Yes lets people without an account on the Mac allow things with that of the "
    "provider. It needs shared keys.",
    "UserAuthorizationMode": "What a user may do, set at each sign-in. Admin: everything; Groups: as the groups below.",
    "AdministratorGroups": "Groups of the provider whose members are administrators.",
    "AdministratorGroups.[]": "Name of one group.",
    "AdditionalGroups": "Groups that are made on the Mac, without the rights of administrators.",
    "AdditionalGroups.[]": "Name of one group.",
    "AuthorizationGroups": "Rights of the Mac that a group has.",
    "AuthorizationGroups.*": "Name of the group; the key is the right, such as system.preferences.network.",
}
_ACCESS_KEY = {
    "ReaderGroupIdentifier": "Identifier of the readers' group, as the key in Wallet has it. Needed with AccessKey.",
    "TerminalIdentityAssetReference": "Identifier of the asset with the identity that the key trusts. Needed with "
    "AccessKey.",
    "ReaderIssuerCertificateAssetReference": "Identifier of the asset with the certificate that issued this identity, "
    "with an elliptic curve key. Needed with AccessKey.",
    "AllowExpressMode": "Yes takes the key without asking its owner first.",
}
_POLICIES = {
    "FileVault": f"Unlocking the disk of a Mac with Apple silicon. {_RULES}",
    "FileVault.[]": _ONE_RULE,
    "Login": f"Signing in at the login window. {_RULES}",
    "Login.[]": _ONE_RULE,
    "Unlock": f"Unlocking the screen. {_RULES}",
    "Unlock.[]": _ONE_RULE,
    "AlwaysUseLoginUI": "Yes shows the window of single sign-on wherever it can be shown; No only where it is needed.",
    "OfflineGracePeriod": "Seconds after the last sign-in at the provider in which the Mac's own password will do "
    "without a network. Needed with that grace period.",
    "AuthenticationGracePeriod": "Seconds after a change of these rules in which accounts that are not registered may "
    "still be used. Needed with that grace period.",
    "NonPlatformSSOAccounts": "Accounts of the Mac that the rules leave alone, such as one for emergencies.",
    "NonPlatformSSOAccounts.[]": "Short name of one account.",
}
_PLATFORM = {
    "AuthenticationMethod": "How users sign in; the extension must know the method too.",
    "RegistrationToken": "Token with which the Mac registers at the provider without asking anybody.",
    "UseSharedDeviceKeys": "Yes gives all users of a Mac the same keys; making accounts needs it.",
    "LoginFrequency": "Seconds until users must sign in anew and not only refresh.",
    "AllowDeviceIdentifiersInAttestation": "Yes gives the provider UDID and serial number of the Mac.",
    "Account": "How the account is shown.",
    "Account.DisplayName": "Name of the account where users are asked to sign in.",
    "Account.SynchronizeProfilePicture": "Yes takes the user's picture from the provider.",
    "UserCreation": "Accounts that are made on the Mac for people whom the provider knows.",
    **below("UserCreation", _CREATION),
    "Authorization": "What users may do on the Mac.",
    **below("Authorization", _AUTHORIZATION),
    "AccessKey": "Signing in with a key in Wallet.",
    **below("AccessKey", _ACCESS_KEY),
    "Policies": "When the provider has to agree. Left out, the Mac's own password will do.",
    **below("Policies", _POLICIES),
    "WebAuthentication": "Signing in on a web page.",
    "WebAuthentication.URLAllowList": "Hosts that the page may be loaded from. Needed with OpenID.",
    "WebAuthentication.URLAllowList.[]": "One host, or the start of one.",
    "WebAuthentication.AllowPasswordSync": "Yes sets the password that was typed there for the Mac too.",
    "AdditionalHTTPHeaders": "Headers that requests to the provider carry besides the usual ones, at most 20.",
    "AdditionalHTTPHeaders.*": "Value of one header, of at most 2048 characters.",
}

TEXTS: dict[str, dict[str, str]] = {
    "configuration-extensible-sso": {
        "ExtensionComposedIdentifier": "The extension that signs in; on a Mac with its team: com.example.app.sso "
        "(ABCD1234).",
        "Type": "Redirect: for OpenID Connect, OAuth and SAML; Credential: for Kerberos and the like.",
        "Realm": "Kerberos realm, usually in capitals. Only with Credential.",
        "ExtensionData": "Settings that the extension reads; its maker says which.",
        "ExtensionData.*": "One setting of the extension.",
        "URLs": "Addresses that the extension signs in at. Needed with Redirect; none may be in two such declarations.",
        "URLs.[]": "Start of one address, with http or https and without a query.",
        "Hosts": "Hosts that the extension signs in to. Needed with Credential; none may be in two such declarations.",
        "Hosts.[]": "One name; .example.com stands for all below it.",
        "DeniedBundleIdentifiers": "Apps that have to ask the user themselves.",
        "DeniedBundleIdentifiers.[]": "Bundle identifier of one app.",
        "ScreenLockedBehavior": "What happens to a sign-in while the screen is locked. Cancel: it fails; DoNotHandle: "
        "it goes on without the extension.",
        "PlatformSSO": "Users sign in to the Mac itself with the provider's account. Left out, they do not.",
        **below("PlatformSSO", _PLATFORM),
    },
}
