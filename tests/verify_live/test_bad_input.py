"""Test that `make verify-live` reports each problem in one line that says what to do."""

import http.server
import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from local_aws import LocalAws
from tests.e2e.support import environment_from_nothing, make
from tests.verify_live.conftest import resources_in
from tools.aws_account import Problem
from tools.verify_live import __main__ as program
from tools.verify_live.account import Account
from tools.verify_live.backend import Backend
from tools.verify_live.claims import CLAIMS

Run = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def run(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Return a function that runs the program and returns its code and lines of standard error."""
    handlers = {number: signal.getsignal(number) for number in program.SIGNALS}
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)

    def run(answer: str | None = None, **environment: str) -> tuple[int, list[str]]:
        for name, value in (aws.variables | environment).items():
            monkeypatch.setenv(name, value)

        def confirmed(_: str) -> str:
            if answer is None:
                raise EOFError
            return answer

        monkeypatch.setattr("builtins.input", confirmed)
        code = program.main()
        return code, capsys.readouterr().err.splitlines()

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def skip_synthesis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the synth, which takes seconds, in tests that do not use its result."""
    monkeypatch.setattr(program, "synthesize", lambda *_: None)


def test_reports_missing_credentials(tmp_path_factory: pytest.TempPathFactory) -> None:
    code, output = make(
        "verify-live", environment=environment_from_nothing(tmp_path_factory.mktemp("nothing"))
    )
    assert code != 0
    message, make_error = output.splitlines()
    assert message.startswith("no usable AWS credentials")
    assert message.endswith("; nothing was created")
    assert make_error.startswith("make: ***")


def test_reports_wrong_credentials(run: Run) -> None:
    code, [line] = run(AWS_ACCESS_KEY_ID="AKIAAAAAAAAAAAAAAAAA")
    assert code == 1
    assert line.startswith("no usable AWS credentials (An error occurred")


def test_reports_an_unreachable_region(run: Run) -> None:
    code, [line] = run(AWS_ENDPOINT_URL="https://localhost:1", AWS_REGION="eu-moon-1")
    assert code == 1
    assert line.startswith("AWS cannot be reached (Could not connect")
    assert "'eu-moon-1'" in line


def test_reports_a_missing_region(run: Run) -> None:
    code, [line] = run(AWS_REGION="", AWS_DEFAULT_REGION="")
    assert code == 1
    assert line == (
        "no Region is set: set AWS_REGION, or choose a profile that has one; nothing was created"
    )


def test_reports_a_region_without_api_gateway(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(self: Account) -> str | None:
        self.once = self.session.client("apigateway", endpoint_url="https://localhost:1")
        return None

    monkeypatch.setattr(Account, "_custom_endpoint", elsewhere)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    code, [line] = run()
    assert code == 1
    assert line.startswith("API Gateway in Region 'us-east-1' cannot be used (Could not connect")
    assert "choose a Region that has it" in line


def test_refuses_an_endpoint_for_one_service(run: Run) -> None:
    code, [line] = run(AWS_ENDPOINT_URL_API_GATEWAY="https://localhost:1")
    assert code == 1
    assert line.startswith("the calls would go to different places (apigateway to https://local")


def test_needs_a_terminal_or_yes(run: Run, aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_synthesis(monkeypatch)
    code, [line] = run()
    assert code == 1
    assert line == ("there is no terminal to ask on: YES=1 skips the question; nothing was created")
    assert resources_in(aws) == {}


@pytest.mark.parametrize("answer", ["", "no"])
def test_creates_nothing_without_confirmation(
    run: Run, aws: LocalAws, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    skip_synthesis(monkeypatch)
    assert run(answer) == (1, ["not confirmed; nothing was created"])
    assert resources_in(aws) == {}


def test_runs_after_confirmation(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    skip_synthesis(monkeypatch)
    monkeypatch.setattr(program, "CLAIMS", CLAIMS[:1])
    assert run("y") == (0, [])


def test_reports_a_full_quota(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_synthesis(monkeypatch)
    monkeypatch.setattr(program, "CLAIMS", CLAIMS[:4])
    with LocalAws(quota=0) as full:
        code, [line] = run("y", **full.variables)
        assert resources_in(full) == {}
    assert code == 1
    assert line.startswith("4 claims could not be observed (An error occurred (LimitExceeded")


class _Backend(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://example.com/", "is not an https URL"),
        ("example.com", "is not an https URL"),
        ("https://", "is not an https URL"),
        ("https://localhost:1/", "cannot be called"),
        ("https://localhost:x/", "is not an https URL"),
    ],
)
def test_refuses_an_invalid_backend_url(run: Run, url: str, problem: str) -> None:
    code, [line] = run(BACKEND_URL=url)
    assert code == 1
    assert line.startswith(f"BACKEND_URL {url!r} {problem}")
    assert line.endswith(
        "see docs/operate/unverified.md, or leave BACKEND_URL out; nothing was created"
    )


@pytest.mark.parametrize(
    ("status", "problem"),
    [(200, "returns 200 to a request without"), (404, "returns 404"), (502, "returns 502")],
)
def test_refuses_a_backend_that_needs_no_certificate(
    status: int, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without TLS: only the status matters here, so the test skips the check for https.
    with http.server.HTTPServer(("127.0.0.1", 0), _Backend) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        plain = f"http://localhost:{server.server_port}/{status}"
        monkeypatch.setattr("tools.verify_live.backend._is_https", lambda _: True)
        with pytest.raises(Problem, match=problem):
            Backend(plain).check()
        server.shutdown()


def test_accepts_a_backend_that_needs_a_certificate(
    backend_url: str, server_files: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server_files[0]))
    Backend(backend_url).check()


def test_refuses_a_backend_with_an_untrusted_certificate(backend_url: str) -> None:
    with pytest.raises(Problem, match=r"cannot be called .*CERTIFICATE_VERIFY_FAILED"):
        Backend(backend_url).check()
