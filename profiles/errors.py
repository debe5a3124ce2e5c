"""What can go wrong with profiles: leaves of the tree in mdm_project.errors."""

from mdm_project.errors import BadRequest, Conflict, NotFound


class NotAProfile(BadRequest):
    """The file is readable, but it is no configuration profile; ``fields`` names the key paths."""

    code = "not_a_profile"


class ProfileEncrypted(BadRequest):
    """The profile is encrypted for one device, whose key nobody else has."""

    code = "profile_encrypted"


class IdentifierTaken(Conflict):
    code = "identifier_taken"


class StaleRevision(Conflict):
    """Somebody else saved the draft in the meantime."""

    code = "stale_revision"


class NothingToPublish(Conflict):
    """The newest version has this very content."""

    code = "nothing_to_publish"


class LintErrors(Conflict):
    """Lint finds errors in what is to be published; ``fields`` has them by key path."""

    code = "lint_errors"


class PayloadReferenced(Conflict):
    """Other payloads refer to it; ``fields`` names where."""

    code = "payload_referenced"


class RenderFailed(Conflict):
    """A variable has no value for a device."""

    code = "render_failed"


class CannotEncrypt(Conflict):
    """The device has no identity that a profile can be encrypted to."""

    code = "cannot_encrypt"


class UnknownVersion(NotFound):
    code = "unknown_version"


class NoRemovalPassword(NotFound):
    code = "no_removal_password"
