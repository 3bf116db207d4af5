"""The endpoint of the account's clock, which AWS does not have: `/_local_aws/clock`.

GET returns the time. POST moves the clock: `{"set": "2027-01-01T00:00:00+00:00"}` sets it, and
`{"advance": 3600}` advances it by that many seconds. Both return `{"time": …, "invocations": […]}`.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

__all__ = ["CLOCK_PATH", "serve_control"]

CLOCK_PATH: Final = "/_local_aws/clock"


def serve_control(
    app: ASGIFramework, move: Callable[[dict[str, Any]], dict[str, Any]]
) -> ASGIFramework:
    """Return an ASGI application that serves the clock, and everything else by `app`.

    Args:
        app: The ASGI application of the account.
        move: Moves the clock as the document of the request says, and returns the response's.
    """

    async def serve(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http" or scope["path"] != CLOCK_PATH:
            await app(scope, receive, send)
            return
        body = await _body(receive)
        try:
            # In a thread, because the functions that it waits for call this server.
            document = await asyncio.to_thread(move, json.loads(body or b"{}"))
            status = 200
        except (ValueError, TypeError) as error:
            status, document = 400, {"message": str(error)}
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", b"application/json")],
                "trailers": False,
            }
        )
        await send(
            {
                "type": "http.response.body",
                "body": json.dumps(document).encode(),
                "more_body": False,
            }
        )

    return serve


async def _body(receive: ASGIReceiveCallable) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the client has gone
            return body
        body += message["body"]
        if not message["more_body"]:
            return body
