"""The ErrorChain of a device: domains, codes and words as devices use them.

Owns the shape and the codes Apple documents under "Error codes" of the MDM protocol reference, and the few texts known
from the field. Deciding what is an error belongs to the caller.
"""

MDM, PROFILE, PAYLOAD, INSTALLATION, SCEP = (
    f"MC{name}ErrorDomain" for name in ("MDM", "Profile", "Payload", "Installation", "SCEP")
)
MDM_CLIENT, POSIX = "MDMClientError", "NSPOSIXErrorDomain"


def link(domain: str, code: int, text: str) -> dict:
    """Make one link of a chain; the first link is the outermost error."""
    return {"ErrorCode": code, "ErrorDomain": domain, "LocalizedDescription": text, "USEnglishDescription": text}


class Refused(Exception):
    """The device refuses; chain is the ErrorChain it reports or shows."""

    def __init__(self, *chain: dict):
        super().__init__(" / ".join(one["LocalizedDescription"] for one in chain))
        self.chain = list(chain)


def refuse(domain: str, code: int, text: str) -> Refused:
    """Make a refusal with a chain of one link."""
    return Refused(link(domain, code, text))


def installation_failed(name: str, cause: Refused) -> Refused:
    """Wrap the cause as a device does when a profile does not install."""
    text = f"The profile “{name}” could not be installed."
    return Refused(link(INSTALLATION, 4001, text), *cause.chain)
