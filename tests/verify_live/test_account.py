"""Test that everything created is removed, even after lost responses or retries."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from local_aws import LocalAws
from tests.verify_live.conftest import resources_in
from tools.verify_live import account as module
from tools.verify_live import resources
from tools.verify_live.account import Account


@pytest.fixture
def account(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in aws.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module, "SEARCH_PAUSES", (0, 0.1))
    account = Account()
    yield account
    account.remove_all()
    assert resources_in(aws) == {}


class Gateway:
    """An API Gateway client that generates two certificates, as botocore may when it retries."""

    def __init__(self, client: Any, *, responds: bool) -> None:
        self._client, self._responds = client, responds

    def generate_client_certificate(self, **arguments: Any) -> Any:
        self._client.generate_client_certificate(**arguments)
        response = self._client.generate_client_certificate(**arguments)
        if not self._responds:
            raise ConnectionError("lost")
        response["ResponseMetadata"]["RetryAttempts"] = 1
        return response


def listed(account: Account) -> list[str]:
    return [item["clientCertificateId"] for item in resources.listed_certificates(account)]


def test_removes_both_certificates_of_a_retried_request(account: Account) -> None:
    account.once = Gateway(account.gateway, responds=True)
    resources.certificate(account)
    assert len(listed(account)) == 2
    account.remove_all()
    assert listed(account) == account.leftovers == []


def test_removes_a_certificate_whose_response_was_lost(account: Account) -> None:
    account.once = Gateway(account.gateway, responds=False)
    with pytest.raises(ConnectionError):
        resources.certificate(account)
    account.remove_all()
    assert listed(account) == account.leftovers == []


def test_removes_only_exact_names(account: Account) -> None:
    other = account.gateway.generate_client_certificate(description=f"{account.name}-10")
    account.once = Gateway(account.gateway, responds=False)
    with pytest.raises(ConnectionError):
        resources.certificate(account)
    account.remove_all()
    assert listed(account) == [other["clientCertificateId"]]
    account.gateway.delete_client_certificate(clientCertificateId=listed(account)[0])


def test_lists_by_name_what_it_cannot_look_up(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Account) -> Any:
        raise ConnectionError("no list")

    account.once = Gateway(account.gateway, responds=False)
    with pytest.raises(ConnectionError):
        resources.certificate(account)
    ids = listed(account)
    monkeypatch.setattr(resources, "listed_certificates", fail)
    account.remove_all()
    assert account.leftovers == [
        (
            "aws apigateway get-client-certificates --region us-east-1  "
            f"# delete {account.name}-1, if it is there: ConnectionError('no list')"
        )
    ]
    for id in ids:
        account.gateway.delete_client_certificate(clientCertificateId=id)


def test_ignores_a_resource_that_is_already_removed(account: Account) -> None:
    generated = resources.certificate(account)
    account.gateway.delete_client_certificate(clientCertificateId=generated["clientCertificateId"])
    account.remove_all()
    assert account.leftovers == []


def test_refused_creation_needs_no_removal(account: Account) -> None:
    with pytest.raises(account.gateway.exceptions.BadRequestException):
        resources.certificate(account, tags={"aws:reserved": ""})
    assert account._removals == []
