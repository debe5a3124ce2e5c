"""Property lists as a device reads and writes them.

Owns the one place where the simulator parses what a server sent: XML without entities or external DTDs, or binary.
See Apple's plist(5); mdmclient writes XML.
"""

import plistlib
from xml.parsers.expat import ExpatError

CHECKIN_CONTENT_TYPE = "application/x-apple-aspen-mdm-checkin"
CONNECT_CONTENT_TYPE = "application/x-apple-aspen-mdm; charset=UTF-8"


class PlistError(ValueError):
    """What was read is no property list with a dictionary at its top."""


def read_dictionary(data: bytes) -> dict:
    """Parse a property list whose top is a dictionary; raise PlistError for anything else."""
    try:
        value = plistlib.loads(data)
    except (plistlib.InvalidFileException, ExpatError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise PlistError(f"not a property list: {error}") from error
    except (AttributeError, TypeError, RecursionError) as error:  # plistlib lets these out for odd XML
        raise PlistError(f"not a property list: {error!r}") from error
    if not isinstance(value, dict):
        raise PlistError(f"a dictionary was expected at the top, not {type(value).__name__}")
    return value


def write(value: dict) -> bytes:
    """Render a dictionary as the XML property list a device sends."""
    return plistlib.dumps(value, sort_keys=True)


def write_compact(value: dict) -> bytes:
    """Render a dictionary as a binary property list, for the simulator's own files."""
    return plistlib.dumps(value, fmt=plistlib.FMT_BINARY)
