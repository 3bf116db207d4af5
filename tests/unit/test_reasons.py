"""The pages of docs/operate explain each Reason that the function can give, and each alarm."""

import ast
import re
from pathlib import Path

import pytest

import cdk_apigateway_client_certificate
from lambda_handler.faults import Fault

ROOT = Path(__file__).parents[2]
DOCUMENTED = re.findall(
    r"^### `(.+)`$", (ROOT / "docs" / "operate" / "reasons.md").read_text(), re.MULTILINE
)
CALLS = {
    "InvalidRequestError", "RefusedError", "OutOfTimeError", "ApiError", "_failed",
}  # fmt: skip
"""Classes and functions whose argument becomes the text of a Reason."""
FUNCTIONS = {"violation", "_tag_violation", "_fit_response"}
"""Functions that return the text of a Reason."""


def text(node: ast.AST) -> str:
    """Return a string as the page writes it, with … for each value, or "" if it is not a string."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(text(value) or "…" for value in values)
        case _:
            return ""


def written_in(source: str) -> set[str]:
    """Return the Reasons in a module's source: strings of several words, not keys or values."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            found |= set(map(text, node.args))
        if isinstance(node, ast.FunctionDef) and node.name in FUNCTIONS:
            found |= {text(it) for it in ast.walk(node) if isinstance(it, ast.JoinedStr)}
    return {reason for reason in found if reason.strip("… ")}


def all_reasons() -> set[str]:
    sources = [path.read_text() for path in (ROOT / "lambda_handler").rglob("*.py")]
    of_api_gateway = {f"… {fault.value} after … attempts" for fault in Fault}
    of_deletion = {
        "client certificate … is in use by …: remove it",
        "client certificate … could not be deleted: …",
    }
    return set().union(*map(written_in, sources), of_api_gateway, of_deletion)


def test_each_reason_is_documented_once() -> None:
    matches = {
        reason: [heading for heading in DOCUMENTED if reason.startswith(heading)]
        for reason in all_reasons()
    }
    assert {reason: found for reason, found in matches.items() if len(found) != 1} == {}


def test_each_documented_reason_exists() -> None:
    reasons = all_reasons()
    assert DOCUMENTED
    unused = [it for it in DOCUMENTED if not any(reason.startswith(it) for reason in reasons)]
    assert unused == []


@pytest.mark.parametrize("reason", ["is in use by", "could not be deleted"])
def test_reasons_of_a_refused_deletion_match_the_code(reason: str) -> None:
    # They are joined from parts, which this module repeats.
    assert reason in (ROOT / "lambda_handler" / "deletion.py").read_text()


def test_each_alarm_is_documented() -> None:
    public = [
        getattr(cdk_apigateway_client_certificate, name)
        for name in cdk_apigateway_client_certificate.__all__
    ]
    page = (ROOT / "docs" / "operate" / "alarms.md").read_text()
    assert set(re.findall(r"^## `(\w+)`$", page, re.MULTILINE)) == {
        name for it in public for name in dir(it) if name.startswith("alarm_on_")
    }
