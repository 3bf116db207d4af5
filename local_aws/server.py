"""The server's own process: `python -m local_aws.server <settings as JSON>`.

`LocalAws` starts it, with an environment built from nothing, as the leader of a process group of
its own, to which the Lambda processes belong too.
"""

import asyncio
import os
import shutil
import signal
import sys
import threading

from hypercorn.asyncio import serve
from hypercorn.config import Config

from .ministack_extensions import install
from .settings import Settings

__all__ = ["main"]


def main() -> None:
    """Serve until the process is ended."""
    settings = Settings.from_json(sys.argv[1])
    threading.Thread(target=_end_with_parent, args=(settings.folder,), daemon=True).start()
    config = Config()
    # One socket on loopback, bound by the parent: ministack's own `main` would try port 443 too.
    config.bind = [f"fd://{settings.socket}"]
    config.certfile, config.keyfile = settings.certificate, settings.private_key
    config.accesslog = config.errorlog = "-"
    config.keep_alive_timeout = 75
    asyncio.run(serve(install(settings), config))


def _end_with_parent(folder: str) -> None:
    """Wait for the end of standard input, which comes when the parent dies, however hard."""
    sys.stdin.buffer.read()
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
