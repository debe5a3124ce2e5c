"""Identifiers of the profiles that Espalier itself puts on devices: what else went by them would replace them."""

ENROLLMENT_PREFIX = "com.espalier.enrollment"
FILEVAULT = "com.espalier.filevault"


def is_own(identifier: str) -> bool:
    """Say whether a PayloadIdentifier is one of ours."""
    return any(identifier == own or identifier.startswith(f"{own}.") for own in (ENROLLMENT_PREFIX, FILEVAULT))
