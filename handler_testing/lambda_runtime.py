"""A minimal Lambda runtime: import the handler, then invoke it for each event in turn.

Reads JSON lines {event, seconds} from standard input. Writes the outcome of each invocation, as a
JSON line, to the file descriptor in its first argument. Standard output is the function's log.
"""

import importlib
import json
import os
import sys
import time
import uuid
from typing import Any


class LambdaContext:
    """The part of Lambda's context that the handler uses."""

    def __init__(self, seconds: float) -> None:
        self.aws_request_id = str(uuid.uuid4())
        self._end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int(1000 * (self._end - time.monotonic())))


def main() -> None:
    handler = importlib.import_module("lambda_handler.main").handler
    with os.fdopen(int(sys.argv[1]), "w") as results:
        for line in sys.stdin:
            invocation: dict[str, Any] = json.loads(line)
            try:
                handler(invocation["event"], LambdaContext(invocation["seconds"]))
                outcome = "returned"
            except Exception as error:
                outcome = f"raised {type(error).__name__}: {error}"
            print(json.dumps({"outcome": outcome}), file=results, flush=True)


if __name__ == "__main__":
    main()
