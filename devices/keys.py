"""Which enrollment and which of its channels a message speaks for, from the identity keys every message carries."""

from typing import NamedTuple

from mdm_project.errors import BadRequest

# On a Shared iPad UserID is this constant, and UserShortName (the Managed Apple Account) tells the users apart.
SHARED_IPAD_USER_ID = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"
MAX_LENGTH = 255


class NoIdentityKeys(BadRequest):
    code = "no_identity"


class ChannelKey(NamedTuple):
    """``enrollment`` is the UDID, or the EnrollmentID under User Enrollment; ``user`` is empty on the device channel.

    Both are opaque and never change case.
    """

    enrollment: str
    user: str
    is_user_enrollment: bool


def channel_key(message: dict) -> ChannelKey:
    """Return the channel of a message; raise NoIdentityKeys when it names none. UDID wins over EnrollmentID."""
    enrollment = message.get("UDID")
    if enrollment:
        return ChannelKey(_text(enrollment, "UDID"), _user_of_device(message), False)
    enrollment = message.get("EnrollmentID")
    if enrollment:
        user = message.get("EnrollmentUserID") or ""
        return ChannelKey(_text(enrollment, "EnrollmentID"), _text(user, "EnrollmentUserID"), True)
    raise NoIdentityKeys("the message has neither UDID nor EnrollmentID")


def _user_of_device(message: dict) -> str:
    user = message.get("UserID")
    if not user:
        return ""
    if user == SHARED_IPAD_USER_ID:
        short_name = message.get("UserShortName")
        if not short_name:
            raise NoIdentityKeys("a Shared iPad user message has no UserShortName")
        return _text(short_name, "UserShortName")
    return _text(user, "UserID")


def _text(value, name: str) -> str:
    if not isinstance(value, str):
        raise NoIdentityKeys(f"{name} is not a string")
    # A NUL would end the text where PostgreSQL reads it, and so name another channel.
    if len(value) > MAX_LENGTH or "\0" in value:
        raise NoIdentityKeys(f"{name} is too long or unreadable")
    return value
