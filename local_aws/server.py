"""The server process: `python -m local_aws.server <settings as JSON>`.

`LocalAws` starts it with a minimal environment, as the leader of a new process group, to which the
processes of Lambda functions belong too.
"""

import asyncio
import os
import shutil
import signal
import sys
import threading
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from .ministack_extensions import install
from .settings import Settings

__all__ = ["main"]


def main() -> None:
    """Serve until the process is killed."""
    settings = Settings.from_json(sys.argv[1])
    threading.Thread(target=_exit_with_parent, args=(settings.folder,), daemon=True).start()
    config = Config()
    # Only the loopback socket that the parent bound. ministack's own `main` also tries port 443.
    config.bind = [f"fd://{settings.socket}"]
    config.certfile, config.keyfile = settings.certificate, settings.private_key
    config.accesslog = config.errorlog = "-"
    config.keep_alive_timeout = 75
    app: Any = install(settings)  # hypercorn and ministack describe ASGI in different types
    asyncio.run(serve(app, config))


def _exit_with_parent(folder: str) -> None:
    """Wait for the end of standard input, which comes even if the parent is killed, and exit."""
    sys.stdin.buffer.read()
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
