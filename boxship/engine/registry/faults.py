"""What a registry refuses, by the codes of the distribution specification. Pure.

Source: OCI distribution-spec 1.1, "Error Codes"; the last four are those of distribution/distribution.
"""

from boxship.base.errors import PlatformError

STATUS = {
    "BLOB_UNKNOWN": 404,
    "BLOB_UPLOAD_INVALID": 400,
    "BLOB_UPLOAD_UNKNOWN": 404,
    "DIGEST_INVALID": 400,
    "MANIFEST_BLOB_UNKNOWN": 404,
    "MANIFEST_INVALID": 400,
    "MANIFEST_UNKNOWN": 404,
    "NAME_INVALID": 400,
    "NAME_UNKNOWN": 404,
    "SIZE_INVALID": 400,
    "UNAUTHORIZED": 401,
    "DENIED": 403,
    "UNSUPPORTED": 405,
    "TOOMANYREQUESTS": 429,
    "RANGE_INVALID": 416,
    "TAG_INVALID": 400,
    "PAGINATION_NUMBER_INVALID": 400,
    "UNAVAILABLE": 503,
}


class Fault(PlatformError):
    """One refusal. code: a key of STATUS.  answer: the HTTP status.  headers: go out with the refusal."""

    def __init__(
        self, code: str, text: str, *, detail: object = None, answer: int = 0, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(text)
        self.code = code
        self.detail = detail
        self.answer = answer or STATUS[code]
        self.headers = headers or {}
