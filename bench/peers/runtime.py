"""The least that Lambda's Python runtime does: import the handler, and call it for each event.

`python runtime.py module.function` reads one event per line, and writes each returned value as a
line of JSON. What the handler prints goes to standard error. Modules that the interpreter has not
loaded itself are imported late, because their import would be measured.
"""

import sys
import time


class Context:
    """The part of Lambda's context that handlers use."""

    aws_request_id = "7d3e9c1a-0000-4000-8000-000000000000"
    function_name = "Function"
    log_stream_name = "stream"

    def __init__(self) -> None:
        self._end = time.monotonic() + 300

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (self._end - time.monotonic()))


def main() -> None:
    results, sys.stdout = sys.stdout, sys.stderr
    module, _, function = sys.argv[1].rpartition(".")
    __import__(module)
    handler = getattr(sys.modules[module], function)
    for line in sys.stdin:
        import json

        returned = handler(json.loads(line), Context())
        print(json.dumps(returned, default=str), file=results, flush=True)


if __name__ == "__main__":
    main()
