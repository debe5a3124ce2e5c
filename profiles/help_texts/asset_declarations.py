"""Words on the keys of assets, of the activation and of what declarations tell about the server."""

_REFERENCE = {
    "Reference": "Where the device fetches the file, and how it knows that it got the right one.",
    "Reference.DataURL": "Address of the file, with https.",
    "Reference.ContentType": "Media type that the server must answer with; anything else is an error. Left out, it is "
    "not checked.",
    "Reference.Size": "Length of the file in bytes; another length is an error. Left out, it is not checked.",
    "Reference.Hash-SHA-256": "SHA-256 of the file; another file is refused. Left out, it is not checked.",
    "Authentication": "How the device proves itself to the server of the file. Left out, as to its MDM server.",
    "Authentication.Type": "MDM: with its identity, as for every request to its MDM server; None: as anybody.",
}
_ACCESSIBLE = {
    "Accessible": "When the key can be used. Default: as strictly as its uses allow; AfterFirstUnlock: from the first "
    "unlock after a restart.",
}


def _file(what: str, content_type: str) -> dict[str, str]:
    media = f"{content_type}, where it is given; any other answer of the server is an error."
    return {**_REFERENCE, "Reference": f"Where the device fetches {what}.", "Reference.ContentType": media}


def _credential(what: str) -> dict[str, str]:
    return _file(what, "application/json")


TEXTS: dict[str, dict[str, str]] = {
    "activation-simple": {
        "StandardConfigurations": "The configurations that this activation turns on. One that fails does not hold up "
        "the others.",
        "StandardConfigurations.[]": "Identifier of one configuration.",
        "Predicate": "Condition on what the device knows of itself, such as its model; the device looks again when "
        "that changes. Left out, the configurations always count.",
    },
    "asset-credential-acme": _credential("the description of the ACME server and the identity to ask for")
    | _ACCESSIBLE,
    "asset-credential-certificate": _file("the certificate", "application/pkcs1 or application/pem"),
    "asset-credential-identity": _credential("the JSON that holds the identity and its password") | _ACCESSIBLE,
    "asset-credential-scep": _credential("the description of the SCEP server and the identity to ask for")
    | _ACCESSIBLE,
    "asset-credential-userpassword": _credential("the JSON that holds the user name and password"),
    "asset-data": _REFERENCE,
    "asset-useridentity": {
        "FullName": "Name of the person, such as the sender's name in Mail.",
        "EmailAddress": "Mail address of the person, which accounts take as theirs.",
    },
    "management-organization-info": {
        "Name": "Name that users see where Settings tells who manages the device.",
        "Email": "Address that users can write to for help.",
        "URL": "Web page where users find help.",
        "Proof": "What proves that the organization is who it says.",
        "Proof.IdentityToken": "Token that proves who the organization is.",
    },
    "management-properties": {
        "*": "One fact under a name of your choice, such as a department. Predicates of activations ask for it with "
        "@property.",
    },
    "management-server-capabilities": {
        "Version": "Version of declarative management that the server speaks.",
        "SupportedFeatures": "What the server can do beyond that version.",
        "SupportedFeatures.*": "One ability by its name, with its details. Names with com.apple. belong to Apple.",
    },
}
