"""Extends the processes in which `ministack` runs Lambda functions in Python."""

import inspect
import queue
from importlib import import_module
from typing import Any, Final

from .function_clock import follow_clock

__all__ = ["extend_functions"]

_IMPORT: Final = "        mod = importlib.import_module(module_name)\n"
_EVENT: Final = '        event = _ms_msg["event"]\n'
_RESULT: Final = '            _real_stdout.write(json.dumps({"status": "ok"'
_END_OF_LOG: Final = "local_aws: end of the invocation's log"
_LOG_SECONDS: Final = 10


def extend_functions(clock_file: str) -> None:
    """Apply all extensions of this module.

    Args:
        clock_file: The file with the offset of the account's clock, in seconds.
    """
    runtime: Any = import_module("ministack.core.lambda_runtime")
    follow = "        follow_clock(_clock_file, _clock)\n"
    end = f"            print({_END_OF_LOG!r}, file=sys.__stderr__, flush=True)\n"
    script = runtime._PYTHON_WORKER_SCRIPT
    for line, inserted in ((_IMPORT, follow), (_EVENT, follow), (_RESULT, end)):
        if script.count(line) != 1:
            raise RuntimeError(f"ministack's worker script has no line {line!r}")
        script = script.replace(line, inserted + line)
    runtime._PYTHON_WORKER_SCRIPT = "\n".join(
        [
            "from pathlib import Path",
            "from typing import Any",
            inspect.getsource(follow_clock),
            f"_clock_file, _clock = {clock_file!r}, {{}}",
            script,
        ]
    )
    _read_whole_logs(runtime)


def _read_whole_logs(runtime: Any) -> None:
    """Read an invocation's log to its end.

    ministack waits a few milliseconds for it. On a busy machine, what comes later ends up in the
    log of the next invocation.
    """
    drain = runtime.Worker._drain_stderr_bounded

    def drain_to_end(worker: Any, *rest: Any, **options: Any) -> str:
        python = worker.config.get("Runtime", "python").startswith("python")
        if not python or worker._proc is None:  # the process has failed and is gone
            log: str = drain(worker, *rest, **options)
            return "\n".join(line for line in log.split("\n") if line != _END_OF_LOG)
        lines = []
        try:
            while (line := worker._stderr_queue.get(timeout=_LOG_SECONDS)) != _END_OF_LOG:
                lines.append(line)
        except queue.Empty:
            lines.append(f"local_aws: the log did not end within {_LOG_SECONDS} seconds")
        return "\n".join(lines)

    runtime.Worker._drain_stderr_bounded = drain_to_end
