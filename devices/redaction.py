"""What is secret in what devices and people send, taken out before anybody sees it or it is stored unencrypted.

Owns the one rule, for API results, console answers, stored inventory and the payloads of commands. Bodies stay as they
are, encrypted; revealing a secret is another door, with a permission and a reason. The names are those of Apple's
commands, answers and payloads; the shape of a name decides too, so that a key Apple adds later is rather hidden.

Apple: developer.apple.com/documentation/devicemanagement
"""

import re
from datetime import datetime
from functools import lru_cache

REDACTED = "[redacted]"
_SECRET_KEYS = frozenset(
    {
        "DigestResponse",
        "EncryptedNewRecoveryKey",
        "EscrowKey",
        "FDE_PersonalRecoveryKeyCMS",
        "Payload",  # of InstallProfile: a whole profile, with whatever passwords are in it
        "PayloadContent",  # a list for a profile, data for a certificate or a PKCS#12: see _is_container
        "PrivateKeyExport",
        "Latitude",  # of DeviceLocation: where somebody is
        "Longitude",
        "UnusedRedemptionCode",
        "RedemptionCode",
        "PSK",
    }
)
# By how the name ends: PasscodePresent, BootstrapTokenAllowedForAuthentication and the like are about a secret.
_SECRET_NAME = re.compile(
    r"(?:pass(?:word|code|phrase)(?:hash)?|secret|token|recovery-?key|bypass-?code|private-?key|shared-?key"
    r"|challenge|credential|push-?magic)s?$"
    r"|(?-i:PIN|Pin)$|(?:^|[-_.])pin$",
    re.IGNORECASE,
)
# Versions of declarations, which Apple calls tokens. DeviceKey ends no rule above: it names whose recovery key it is.
_NO_SECRETS = frozenset({"DeclarationsToken", "ServerToken", "SyncTokens", "server-token"})


@lru_cache(maxsize=8192)
def is_secret_name(key: str) -> bool:
    """Say whether a key's name alone makes what is under it a secret; remembered, since devices use the same few."""
    return key in _SECRET_KEYS or (bool(_SECRET_NAME.search(key)) and key not in _NO_SECRETS)


def redact(value):
    """Return the value, of a property list or JSON, without its secrets; what only says that there is one stays."""
    if isinstance(value, dict):
        return {key: hidden(item) if is_secret(key, item) else redact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [redact(item) for item in value]
    return value


def is_secret(key: str, value) -> bool:
    """Say whether a value must not be seen under its key."""
    return is_secret_name(key) and not (key == "PayloadContent" and _is_container(value))


def _is_container(value) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and all(isinstance(item, dict) for item in value))


def hidden(value):
    """Return what may be seen of a secret: its shape, and flags and moments inside it."""
    if isinstance(value, dict):
        return {key: hidden(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hidden(item) for item in value]
    return value if _is_flag(value) else REDACTED


def _is_flag(value) -> bool:
    return value is None or isinstance(value, bool | datetime) or value in ("", b"", 0, 1)
