"""`LocalAws`: starts and stops the server, and creates clients for it."""

import errno
import json
import os
import secrets
import signal
import socket
import ssl
import string
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .control import CLOCK_PATH
from .invocations import Invocation
from .settings import ACCOUNT, ADDRESS, HOST, Settings, aws_variables, issue_server_certificate

__all__ = ["LocalAws", "LocalAwsError"]

_ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 60


class LocalAwsError(Exception):
    """The local AWS could not start, or stopped. The message is one line, followed by the log."""


class LocalAws:
    """A context manager that runs an AWS account on loopback.

    ```python
    with LocalAws() as aws:
        subprocess.run(["cdk", "deploy"], env=aws.environment)
        aws.client("apigateway").get_client_certificates()
    ```

    Entering the context raises `LocalAwsError` if the port is in use, `trust` is not a file or the
    server does not start. Leaving it, or failing to enter it, stops all processes and deletes all
    files.

    Args:
        port: The port to listen on; 0 for a free one.
        region: The default Region of the account's clients.
        quota: See `ClientCertificates`.
        throttled: See `ClientCertificates`.
        tags_in_list: See `ClientCertificates`.
        trust: A PEM file of additional CAs to trust when calling backends of HTTP integrations.
        certificate_needs_deployment: Whether a stage presents a new client certificate only after a
            new deployment to it. Sources contradict each other about API Gateway.
        update_resets_certificate: Whether CloudFormation, when it updates a stage, removes a client
            certificate that the template does not name. What AWS does is not documented.

    Attributes:
        account: The account ID.
        endpoint: The URL of the server. Like the following attributes, available in the context.
        environment: The complete environment for child processes that use this account.
        variables: The part of `environment` that selects and configures the account.
        log: The server's log file.
    """

    account: str = ACCOUNT

    def __init__(
        self,
        port: int = 0,
        *,
        region: str = "us-east-1",
        quota: int = 60,
        throttled: bool = False,
        tags_in_list: bool = True,
        trust: str | os.PathLike[str] | None = None,
        certificate_needs_deployment: bool = False,
        update_resets_certificate: bool = False,
    ) -> None:
        self.port, self.region = port, region
        self._quota, self._throttled, self._tags_in_list = quota, throttled, tags_in_list
        self._trust = os.path.abspath(trust) if trust else None
        self._certificate_needs_deployment = certificate_needs_deployment
        self._update_resets_certificate = update_resets_certificate

    def __enter__(self) -> Self:
        if self._trust and not os.path.isfile(self._trust):
            raise LocalAwsError(f"trust {self._trust!r} is not a file: use a PEM file of CAs")
        with ExitStack() as stack:
            listening = stack.enter_context(_listen(self.port))
            self.port = listening.getsockname()[1]
            self.endpoint = f"https://{HOST}:{self.port}"
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="local-aws-", ignore_cleanup_errors=True)
            )
            self._folder = Path(folder)
            self.log = self._folder / "server.log"
            self._prepare()
            self._start(listening, stack)
            # The server has inherited the socket. Close this copy, so that connections fail at once
            # if the server stops.
            listening.close()
            self._wait_until_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def client(self, service: str, config: Config | None = None, **options: Any) -> Any:
        """Return a boto3 client for this account, regardless of this process's environment.

        Args:
            service: The name of the service.
            config: Merged into the default configuration.
            options: boto3's options (`region_name`, `aws_access_key_id`, …), which override the
                account's Region and root credentials.
        """
        # Without the user's profiles and configuration files, which boto3 would use.
        session = botocore.session.Session(
            session_vars={
                "profile": (None, None, None, None),
                "config_file": (None, None, os.devnull, None),
                "credentials_file": (None, None, os.devnull, None),
            }
        )
        defaults: dict[str, Any] = {
            "region_name": self.region,
            "endpoint_url": self.endpoint,
            "aws_access_key_id": self.variables["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.variables["AWS_SECRET_ACCESS_KEY"],
            "verify": self._authority,
            "config": Config(proxies={}).merge(config or Config()),
        }
        client: Any = boto3.Session(botocore_session=session).client
        return client(service, **(defaults | options))

    def stage_url(self, api_id: str, stage: str, path: str = "/") -> str:
        """Return the URL of a path of a REST API's stage. The path starts with a slash."""
        return f"{self.endpoint}/_aws/execute-api/{api_id}/{stage}{path}"

    def invoke(self, api_id: str, stage: str, path: str = "/") -> tuple[int, bytes]:
        """Send a GET request to a stage, and return the status and body of any response."""
        return self._request(self.stage_url(api_id, stage, path), timeout=60)

    def now(self) -> datetime:
        """Return the account's time, in UTC."""
        return datetime.fromisoformat(self._control({})["time"])

    def set_clock(self, time: datetime) -> list[Invocation]:
        """Set the account's clock, to a later or an earlier time. It runs on from there.

        Client certificates, events, metrics and the Lambda functions in Python follow it. The
        schedules that are due in between do not fire.

        Returns:
            See `advance`.
        """
        return self._move({"set": time.isoformat()})

    def advance(self, duration: timedelta = timedelta()) -> list[Invocation]:
        """Advance the account's clock, and fire each schedule whenever it is due.

        At each of these times, in their order, wait until all asynchronous invocations have
        ended, and evaluate the alarms. Schedules fire, and alarms notice missing data, only when
        the clock is moved; a duration of zero is enough for what is due already.

        Returns:
            The asynchronous invocations since the last move of the clock, those of EventBridge
            rules included.
        """
        return self._move({"advance": duration.total_seconds()})

    def _move(self, document: dict[str, Any]) -> list[Invocation]:
        moved = self._control(document)
        return [Invocation.from_json(invocation) for invocation in moved["invocations"]]

    def _control(self, document: dict[str, Any]) -> Any:
        """Send a document to the control endpoint, and return the response."""
        data = json.dumps(document).encode()
        status, body = self._request(self.endpoint + CLOCK_PATH, data)
        if status != 200:
            raise LocalAwsError(f"the local AWS cannot move its clock: {body.decode()}")
        return json.loads(body)

    def _request(
        self, url: str, data: bytes | None = None, timeout: float | None = None
    ) -> tuple[int, bytes]:
        context = ssl.create_default_context(cafile=self._authority)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        try:
            with opener.open(url, data, timeout=timeout) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def wait(self) -> None:
        """Block until the server stops unexpectedly.

        Raises:
            LocalAwsError: The server stopped.
        """
        # Waiting for the process would free its ID, which `__exit__` needs to kill the group.
        self._lifeline.recv(1)
        raise self._failure("the local AWS server stopped unexpectedly")

    def _prepare(self) -> None:
        certificate = issue_server_certificate()
        self._authority = _write(self._folder / "ca.pem", certificate.authority)
        self._certificate = _write(self._folder / "server.pem", certificate.certificate)
        self._private_key = _write(self._folder / "server.key", certificate.private_key)
        alphabet = string.ascii_uppercase + "234567"
        access_key = "AKIA" + "".join(secrets.choice(alphabet) for _ in range(16))
        self.variables = {
            **aws_variables(self.region, access_key, secrets.token_urlsafe(30)),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CA_BUNDLE": self._authority,
            "NODE_EXTRA_CA_CERTS": self._authority,
            "NO_PROXY": f"{HOST},{ADDRESS}",
            # The cache of the CDK CLI: accounts, bootstrap versions and notices.
            "CDK_HOME": str(_folder(self._folder / "cdk")),
            "CDK_DISABLE_VERSION_CHECK": "1",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_NOTICES": "false",
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
            "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        }
        self._process_variables = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(_folder(self._folder / "home")),
            "TMPDIR": str(_folder(self._folder / "tmp")),
            "LANG": "C.UTF-8",
        }
        self.environment = {
            **self._process_variables,
            **self.variables,
            # jsii unpacks 200 MB into this folder. Shared, so that it does so only once.
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": os.environ.get("JSII_RUNTIME_PACKAGE_CACHE_ROOT")
            or str(Path.home() / ".cache/aws/jsii/package-cache"),
        }

    def _server_environment(self) -> dict[str, str]:
        """Return the environment of ministack, which the processes of Lambda functions inherit."""
        inherited = {name: self.variables[name] for name in self.variables if name[:4] == "AWS_"}
        return {
            **self._process_variables,
            **inherited,
            # crhelper sends its response through `http.client`, which ignores AWS_CA_BUNDLE.
            "SSL_CERT_FILE": self._authority,
            "AUTH": "true",
            "USE_SSL": "1",
            "BIND_HOST": ADDRESS,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": HOST,
            "MINISTACK_REGION": self.region,
            "MINISTACK_ACCOUNT_ID": self.account,
            "MINISTACK_SSL_CERT": self._certificate,
            "MINISTACK_SSL_KEY": self._private_key,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            # Without Docker: ministack would look for its containers and stop them.
            "DOCKER_HOST": f"unix://{self._folder}/no-docker.sock",
            "PYTHONUNBUFFERED": "1",
        }

    def _start(self, listening: socket.socket, stack: ExitStack) -> None:
        settings = Settings(
            socket=listening.fileno(),
            folder=str(self._folder),
            certificate=self._certificate,
            private_key=self._private_key,
            quota=self._quota,
            throttled=self._throttled,
            tags_in_list=self._tags_in_list,
            trust=self._trust,
            certificate_needs_deployment=self._certificate_needs_deployment,
            update_resets_certificate=self._update_resets_certificate,
        )
        # Each process reads the end of the stream when the other one exits, even if it is killed.
        self._lifeline, server_end = socket.socketpair()
        stack.enter_context(self._lifeline)
        with self.log.open("xb") as log, server_end:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"{__package__}.server", settings.to_json()],
                # Finds the package. Lambda functions would inherit PYTHONPATH.
                cwd=_ROOT,
                env=self._server_environment(),
                stdin=server_end.fileno(),
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[listening.fileno()],
                start_new_session=True,
            )
        stack.callback(self._stop)

    def _stop(self) -> None:
        """Kill the process group of the server, to which the Lambda processes belong."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _wait_until_ready(self) -> None:
        """Call the server once. Its socket is listening already, so the call waits for it."""
        once = Config(retries={"total_max_attempts": 1}, read_timeout=_START_SECONDS)
        try:
            self.client("apigateway", once).get_client_certificates(limit=1)
        except (BotoCoreError, ClientError) as error:
            raise self._failure(f"the local AWS server does not respond: {error}") from error

    def _failure(self, message: str) -> LocalAwsError:
        lines = self.log.read_text(errors="replace").splitlines()[-20:]
        return LocalAwsError("\n".join([message, *lines]))


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((ADDRESS, port))
    except OverflowError:
        raise LocalAwsError(f"port {port} is out of range: choose one from 1 to 65535") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise LocalAwsError(
                f"port {port} is in use: choose another one with --port, or omit it to use a "
                "free one"
            ) from None
        raise LocalAwsError(
            f"port {port} cannot be used ({error.strerror}): choose another one with --port"
        ) from None


def _write(path: Path, content: bytes) -> str:
    """Write a file that only its owner can access from the moment it exists."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    return str(path)


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o700)
    return path
