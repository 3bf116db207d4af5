"""The endpoint of the account's clock, which AWS does not have: `/_local_aws/clock`.

GET returns the time. POST moves the clock: `{"set": "2027-01-01T00:00:00+00:00"}` sets it, and
`{"advance": 3600}` advances it by that many seconds. Both return `{"time": …, "invocations": […]}`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

__all__ = ["CLOCK_PATH", "serve_control"]

CLOCK_PATH: Final = "/_local_aws/clock"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def serve_control(app: App, move: Callable[[dict[str, Any]], dict[str, Any]]) -> App:
    """Return an ASGI application that serves the clock, and everything else by `app`.

    Args:
        app: The ASGI application of the account.
        move: Moves the clock as the document of the request says, and returns the response's.
    """

    async def serve(scope: Message, receive: Receive, send: Send) -> None:
        if scope.get("path") != CLOCK_PATH:
            await app(scope, receive, send)
            return
        body = await _body(receive)
        try:
            # In a thread, because the functions that it waits for call this server.
            document = await asyncio.to_thread(move, json.loads(body or b"{}"))
            status = 200
        except (ValueError, TypeError) as error:
            status, document = 400, {"message": str(error)}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(document).encode()})

    return serve


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body
