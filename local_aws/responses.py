"""HTTP responses of the API, errors included."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["ApiError", "Response", "json_response"]

_STATUS: Final = {
    "BadRequestException": 400,
    "UnauthorizedException": 401,
    "AccessDeniedException": 403,
    "MissingAuthenticationTokenException": 403,
    "NotFoundException": 404,
    "ConflictException": 409,
    "LimitExceededException": 429,
    "TooManyRequestsException": 429,
}


@dataclass(frozen=True)
class Response:
    """An HTTP response: status, headers and the bytes of the body."""

    status: int
    headers: dict[str, str]
    body: bytes


class ApiError(Exception):
    """An error response of the API.

    Attributes:
        code: The name of the exception, for example `NotFoundException`.
        message: The text that the client sees.
        retry_after: Seconds, sent as the `Retry-After` header, which botocore parses into
            `retryAfterSeconds`.
    """

    def __init__(self, code: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.retry_after = code, message, retry_after

    def response(self) -> Response:
        """Return the error as an HTTP response."""
        headers = {"x-amzn-ErrorType": self.code}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return json_response(_STATUS[self.code], {"message": self.message}, headers)


def json_response(
    status: int, document: Any = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a response with a JSON body, or with an empty body if there is no document."""
    body = b"" if document is None else json.dumps(document).encode()
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, body)
