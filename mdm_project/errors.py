"""The tree of errors that core code raises; apps add leaves.

Two places translate them: the API (mdm_project.api) into ``{"code", "detail", "fields"}`` and the device endpoints
(mdm_project.device_endpoint) into a status and a line of text. A device is never told 401: on the MDM endpoints that
would make it remove its enrollment.

    EspalierError 500
    ├── BadRequest 400
    │   ├── UnreadablePlist
    │   └── TooLarge
    ├── Refused 403
    ├── NotFound 404
    ├── Conflict 409
    ├── Gone 410
    └── Unavailable 503
"""


class EspalierError(Exception):
    """A failure that can be told to whoever asked; ``fields`` maps key paths to messages."""

    code = "error"
    status = 500

    def __init__(self, detail: str, *, fields: dict[str, str] | None = None):
        super().__init__(detail)
        self.detail = detail
        self.fields = fields or {}

    def tell(self) -> None:
        """Write on the timeline what was refused, for errors that are told of; again where that was undone."""


class BadRequest(EspalierError):
    code = "bad_request"
    status = 400


class UnreadablePlist(BadRequest):
    code = "unreadable_plist"


class TooLarge(BadRequest):
    code = "too_large"


class Refused(EspalierError):
    code = "refused"
    status = 403


class NotFound(EspalierError):
    code = "not_found"
    status = 404


class Conflict(EspalierError):
    code = "conflict"
    status = 409


class Gone(EspalierError):
    code = "gone"
    status = 410


class Unavailable(EspalierError):
    code = "unavailable"
    status = 503
