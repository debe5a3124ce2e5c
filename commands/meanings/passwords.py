"""Making up PINs and passwords, and the form in which a Mac takes a password it shall know (salted SHA-512, PBKDF2).

Apple: developer.apple.com/documentation/devicemanagement/set-auto-admin-password-command
"""

import hashlib
import os
import secrets

from mdm_project import plist

# Nothing that is mistaken for something else when it is read out on the telephone.
_ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"
_GROUPS, _GROUP_LENGTH = 4, 5
_ITERATIONS = 60_000
_SALT_BYTES, _ENTROPY_BYTES = 32, 128


def make_pin() -> str:
    return f"{secrets.randbelow(10**6):06d}"


def make_password() -> str:
    """Return a password of four groups of five, some 114 bits."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)


def password_hash(password: str) -> bytes:
    """Return the plist that stands for a password in AccountConfiguration and SetAutoAdminPassword."""
    salt = os.urandom(_SALT_BYTES)
    entropy = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS, _ENTROPY_BYTES)
    return plist.dumps({"SALTED-SHA512-PBKDF2": {"entropy": entropy, "salt": salt, "iterations": _ITERATIONS}})
