"""Observations of stages that present a client certificate."""

import os
import ssl
import urllib.error
import urllib.request
from typing import Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from . import resources
from .account import Account, denied, pauses
from .backend import Backend
from .verdict import Verdict, judge

STAGE_SECONDS: Final = 300
"""How long a stage may take to present a changed certificate before it counts as unchanged."""


def delete_in_use_by_rest(account: Account) -> Verdict:
    """Delete a certificate that a stage of a REST API presents."""
    id = resources.certificate(account)["clientCertificateId"]
    api_id, _ = resources.rest_api(account)
    resources.rest_stage(account, api_id, id)
    return _delete_in_use(account, id)


def delete_in_use_by_websocket(account: Account) -> Verdict:
    """Delete a certificate that a stage of a WebSocket API presents."""
    id = resources.certificate(account)["clientCertificateId"]
    resources.websocket_stage(account, id)
    return _delete_in_use(account, id)


def _delete_in_use(account: Account, id: str) -> Verdict:
    try:
        account.gateway.delete_client_certificate(clientCertificateId=id)
    except ClientError as error:
        if denied(error):
            raise
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        details = error.response["Error"]
        return judge(
            status in (400, 409), f"HTTP {status}, {details['Code']}: {details['Message']}"
        )
    return judge(False, "deleted, although a stage presents it")


def presented_without_deployment(account: Account, backend: Backend) -> Verdict:
    """Change a stage's certificate, and ask the backend which one it sees."""
    first, second = (resources.certificate(account) for _ in range(2))
    api_id, _ = resources.rest_api(account, backend.url)
    stage = resources.rest_stage(account, api_id, first["clientCertificateId"])
    # The certificate was set after the deployment. Deploy again, so that the stage presents it.
    account.gateway.create_deployment(restApiId=api_id, stageName=stage)
    url = stage_url(account, api_id, stage)
    if _seconds_until_seen(backend, url, first) is None:
        raise backend.problem("stage", _invoke(url))
    resources.present(account, api_id, stage, second["clientCertificateId"])
    seconds = _seconds_until_seen(backend, url, second)
    if seconds is not None:
        return judge(True, f"the backend saw the other certificate after {seconds:.1f} s")
    account.gateway.create_deployment(restApiId=api_id, stageName=stage)
    seconds = _seconds_until_seen(backend, url, second)
    deployed = "not after one either" if seconds is None else f"{seconds:.1f} s after one"
    return judge(False, f"not in {STAGE_SECONDS} s without a new deployment, {deployed}")


def test_invoke(account: Account, backend: Backend) -> Verdict:
    """Have TestInvokeMethod present a certificate that no stage presents."""
    made = resources.certificate(account)
    api_id, root = resources.rest_api(account, backend.url)
    response = account.gateway.test_invoke_method(
        restApiId=api_id,
        resourceId=root,
        httpMethod="GET",
        clientCertificateId=made["clientCertificateId"],
    )
    status, body = response["status"], response.get("body", "")
    if backend.saw(body, made["pemEncodedCertificate"]):
        return judge(True, "the backend saw the certificate")
    if status < 400:
        raise backend.problem("TestInvokeMethod", body)
    return judge(False, f"HTTP {status}, {body[:100]!r}")


def stage_url(account: Account, api_id: str, stage: str) -> str:
    """Return the URL of a stage, in AWS or in a local AWS with a single endpoint."""
    if account.endpoint:
        return f"{account.endpoint}/_aws/execute-api/{api_id}/{stage}/"
    host = str(urlsplit(account.gateway.meta.endpoint_url).hostname).replace(
        "apigateway.", f"{api_id}.execute-api.", 1
    )
    return f"https://{host}/{stage}/"


def _seconds_until_seen(backend: Backend, url: str, certificate: dict[str, Any]) -> float | None:
    for elapsed in pauses(STAGE_SECONDS):
        if backend.saw(_invoke(url), certificate["pemEncodedCertificate"]):
            return elapsed
    return None


def _invoke(url: str) -> str:
    """Return the body of a stage's response, whatever its status."""
    # boto3 reads the same variable. A local AWS has its own CA.
    context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
    try:
        with urllib.request.urlopen(url, timeout=30, context=context) as response:
            body: bytes = response.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    except OSError as error:  # the host name of a new API may not resolve yet
        return str(error)
    return body.decode(errors="replace")
