"""Takes what is secret out of a decoded report before people or programs see it.

Bodies stay as they are, encrypted; revealing a secret is another door, with a permission and a reason. By name of the
key, from Apple's command responses, and by the shape of names so that a key Apple adds later is rather hidden.
"""

import re

REDACTED = "[redacted]"
_SECRET_KEYS = frozenset(
    {
        "ActivationLockBypassCode",
        "BootstrapToken",
        "EncryptedNewRecoveryKey",
        "FDE_PersonalRecoveryKeyCMS",
        "FDE_PersonalRecoveryKeyDeviceKey",
        "PushMagic",
        "PushToken",
        "UnlockToken",
        "UnusedRedemptionCode",
    }
)
_SECRET_NAME = re.compile(
    r"(?:[Pp]assword|[Pp]asscode|[Pp]assphrase|PIN|Pin|[Ss]ecret|PrivateKey|RecoveryKey|BypassCode|Token|[Cc]hallenge)$"
)


def redact(value):
    """Return the value with secrets replaced; what says only whether there is one (a boolean) stays."""
    if isinstance(value, dict):
        return {key: REDACTED if _is_secret(key, item) else redact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [redact(item) for item in value]
    return value


def _is_secret(key: str, value) -> bool:
    if isinstance(value, bool) or value in ("", b""):
        return False
    return key in _SECRET_KEYS or (isinstance(value, str | bytes | int) and bool(_SECRET_NAME.search(key)))
