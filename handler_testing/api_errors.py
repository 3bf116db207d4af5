"""Errors as API Gateway sends them."""

import json

from local_aws.responses import Response


def error(status: int, code: str, message: str = "scripted", retry_after: int = 0) -> Response:
    """Return an error as API Gateway sends it."""
    headers = {"x-amzn-ErrorType": code}
    if retry_after:
        headers["Retry-After"] = str(retry_after)
    return Response(status, headers, json.dumps({"message": message}).encode())


THROTTLED = error(429, "TooManyRequestsException", "Too Many Requests", retry_after=1)
QUOTA_FULL = error(429, "LimitExceededException", "Maximum number reached", retry_after=1)
CONFLICT = error(409, "ConflictException")
DENIED = error(403, "AccessDeniedException", "User is not authorized to perform: this")
UNAUTHORIZED = error(401, "UnauthorizedException")
SERVER_ERROR = error(500, "InternalFailure")
UNAVAILABLE = error(503, "ServiceUnavailableException")
