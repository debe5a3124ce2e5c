"""Words on the keys of declarations about Safari, and on filters of what may be seen on the web."""

_COMPOSED = "On iPhone, iPad and Vision Pro its bundle identifier; on a Mac with its requirement for the signature: "
_EXAMPLE = "com.example.app {anchor apple generic}."
_DOMAIN = "One domain, such as www.example.com; *example.com means it and all below it, * every one."
_BOOKMARK = {
    "Title": "Text that Safari shows.",
    "URL": "Address of a bookmark. Give this or a folder.",
    "Folder": "What is in a folder. Give this or an address.",
    "Folder.[]": "One bookmark of the folder, or a folder inside it.",
}


def _below(path: str, texts: dict[str, str]) -> dict[str, str]:
    return {f"{path}.{name}": text for name, text in texts.items()}


TEXTS: dict[str, dict[str, str]] = {
    "configuration-safari-bookmarks": {
        "ManagedBookmarks": "Folders of bookmarks that users cannot change.",
        "ManagedBookmarks.[]": "One folder at the top.",
        "ManagedBookmarks.[].GroupIdentifier": "Name of your own for the folder. Configurations with the same one fill "
        "one folder together.",
        "ManagedBookmarks.[].Title": "Name of the folder in Safari.",
        "ManagedBookmarks.[].Bookmarks": "What is in it.",
        "ManagedBookmarks.[].Bookmarks.[]": "One bookmark with an address, or one folder.",
        **_below("ManagedBookmarks.[].Bookmarks.[]", _BOOKMARK),
    },
    "configuration-safari-extensions-settings": {
        "ManagedExtensions": "Rules for extensions, whose apps must be on the device.",
        "ManagedExtensions.*": "One extension with its team, as in com.example.app (ABCD1234); * stands for all.",
        "ManagedExtensions.*.State": "AlwaysOn or AlwaysOff decide for the user; Allowed leaves it to the user.",
        "ManagedExtensions.*.PrivateBrowsing": "Whether it runs in private windows. AlwaysOn: where it is on.",
        "ManagedExtensions.*.AllowedDomains": "Websites that the extension may see and change. Not for *.",
        "ManagedExtensions.*.AllowedDomains.[]": _DOMAIN,
        "ManagedExtensions.*.DeniedDomains": "Websites that it may not see. Users decide for those in neither list.",
        "ManagedExtensions.*.DeniedDomains.[]": _DOMAIN,
    },
    "configuration-safari-settings": {
        "AcceptCookies": "From which websites Safari takes cookies.",
        "AllowDisablingFraudWarning": "No keeps warnings of fraudulent websites on.",
        "AllowHistoryClearing": "No keeps users from deleting the history.",
        "AllowJavaScript": "No turns JavaScript off; many websites stop working.",
        "AllowPrivateBrowsing": "No takes private windows away.",
        "AllowPopups": "No blocks windows that websites open by themselves.",
        "AllowSummary": "No turns off summaries of web pages.",
        "NewTabStartPage": "What a new tab shows. Left out, the user chooses.",
        "NewTabStartPage.PageType": "Start: Safari's own page; Home: the address below, which is the home page too; "
        "Extension: a page of an extension.",
        "NewTabStartPage.HomepageURL": "Address of the page, with http or https. Needed with Home.",
        "NewTabStartPage.ExtensionIdentifier": "The extension with its team, as in com.example.app (ABCD1234). Needed "
        "with Extension.",
        "Privacy": "What websites may use.",
        "Privacy.PermissionDefaults": "Permissions that are proposed, for each website.",
        "Privacy.PermissionDefaults.*": "One website, such as www.example.com; *example.com means the domain and all "
        "below it.",
        "Privacy.PermissionDefaults.*.OrganizationJustification": "Why the organization wants it. The user reads it "
        "when the website is first opened.",
        "Privacy.PermissionDefaults.*.Camera": "Allow proposes that the website may use the camera; None proposes "
        "nothing.",
        "Privacy.PermissionDefaults.*.Microphone": "Allow proposes that the website may use the microphone; None "
        "proposes nothing.",
    },
    "configuration-webcontent-filter-plugin": {
        "VisibleName": "Name of the filter as users see it.",
        "PluginBundleID": "Bundle identifier of the app that filters; its maker says which.",
        "ContentFilterUUID": "A UUID that managed apps refer to; only their traffic is filtered then. Needed in User "
        "Enrollment and without supervision.",
        "ServerAddress": "Server that the app asks, if it asks one.",
        "Organization": "Name of the organization, for the app.",
        "VendorConfig": "Settings that the app reads; its maker says which.",
        "VendorConfig.*": "One setting of the app.",
        "Authentication": "How the app signs in to its server. Left out, it does not.",
        "Authentication.CredentialsAssetReference": "Identifier of the asset with user name and password.",
        "Authentication.IdentityAssetReference": "Identifier of the asset with the identity.",
        "Filter": "What is filtered.",
        "Filter.Grade": "Which filter sees traffic first: firewall before inspector.",
        "Filter.Browsers": "Web pages in Safari and whatever else shows pages as it does. Left out, they are not "
        "filtered.",
        "Filter.Browsers.Enabled": "Yes filters them.",
        "Filter.Sockets": "Connections of all apps. Left out, they are not filtered.",
        "Filter.Sockets.Enabled": "Yes filters them.",
        "Filter.Sockets.ProviderComposedIdentifier": f"The extension that filters; needed when this is on. {_COMPOSED}"
        f"{_EXAMPLE}",
        "Filter.Packets": "Single packets, on Macs. Left out, they are not filtered.",
        "Filter.Packets.Enabled": "Yes filters them.",
        "Filter.Packets.ProviderComposedIdentifier": "The extension that filters, with its requirement for the "
        f"signature: {_EXAMPLE} Needed when this is on.",
        "Filter.URLs": "Full addresses of pages, looked up so that no server learns which. Left out, they are not "
        "filtered.",
        "Filter.URLs.Enabled": "Yes filters them.",
        "Filter.URLs.Parameters": "How addresses are looked up; needed when this is on.",
        "Filter.URLs.Parameters.ProviderComposedIdentifier": f"The extension that controls the filter. {_COMPOSED}"
        f"{_EXAMPLE}",
        "Filter.URLs.Parameters.PIR": "The servers that are asked.",
        "Filter.URLs.Parameters.PIR.ServerURL": "Address of the server that answers without learning the question.",
        "Filter.URLs.Parameters.PIR.PrivacyPassIssuerURL": "Address of the server that gives out anonymous tokens for "
        "it.",
        "Filter.URLs.Parameters.PIR.AuthenticationTokenAssetReference": "Identifier of the asset whose password is the "
        "bearer token that anonymous ones are asked for with.",
        "Filter.URLs.Parameters.FailClosed": "Yes blocks an address when the filter cannot decide, as when its server "
        "is down; No lets it through.",
        "Filter.URLs.Parameters.PrefilterFetchFrequency": "Seconds between two runs of the extension, which may fetch "
        "its first list then.",
    },
}
