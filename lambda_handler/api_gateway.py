"""API Gateway: the calls that create, read, change and delete client certificates."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from .calls import NO_RETRY_IF_DENIED, ApiError, Caller
from .errors import RequestError
from .faults import Fault

if TYPE_CHECKING:
    from types_boto3_apigateway import APIGatewayClient
    from types_boto3_apigateway.type_defs import PatchOperationTypeDef

PAGE_SIZE: Final = 500
"""The largest `limit` of a list call."""
MAX_APIS_READ: Final = 40
"""APIs whose stages are read: these calls share the account's 10 requests/s."""


@dataclass(frozen=True)
class Certificate:
    """A client certificate as API Gateway describes it. `tags` is None where it left them out."""

    id: str
    arn: str
    pem: str
    created: datetime | None
    expires: datetime | None
    description: str
    tags: Mapping[str, str] | None


@dataclass(frozen=True)
class StageUses:
    """The stages that present a certificate, as far as they could be read."""

    stages: list[str]
    """`API ID/stage name` of each."""
    unread: str
    """What could not be read and why; empty if everything was read."""


class ApiGateway:
    """The calls of one invocation. Every method raises `ApiError` and `OutOfTimeError`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._client: APIGatewayClient = caller.client("apigateway")
        meta = self._client.meta
        self._prefix = f"arn:{meta.partition}:apigateway:{meta.region_name}::"

    def certificates(self) -> Iterator[Certificate]:
        """Yield all client certificates of the account and Region, page by page."""
        for page in self._caller.pages(
            self._client.get_client_certificates, "position", limit=PAGE_SIZE
        ):
            yield from map(self._certificate, page.get("items", []))

    def get(self, id: str) -> Certificate | None:
        """Return one certificate, None if there is none with this ID."""
        try:
            return self._certificate(
                self._caller.call(self._client.get_client_certificate, clientCertificateId=id)
            )
        except ApiError as error:
            if error.fault is Fault.NOT_FOUND:
                return None
            raise

    def tags(self, certificate: Certificate) -> Mapping[str, str]:
        """Return a certificate's tags; none if it does not exist any more."""
        if certificate.tags is not None:
            return certificate.tags
        try:
            response = self._caller.call(self._client.get_tags, resourceArn=certificate.arn)
            return response.get("tags", {})
        except ApiError as error:
            if error.fault is Fault.NOT_FOUND:
                return {}
            raise

    def generate(
        self, description: str | None, tags: Mapping[str, str], earlier_attempts: int
    ) -> Certificate:
        """Create a certificate.

        An `ApiError` of the kind `AMBIGUOUS` may have created one: look for it before the next
        attempt. `earlier_attempts` is the number of calls so far that ended this way.
        """
        optional = {"description": description} if description else {}
        response = self._caller.call(
            self._client.generate_client_certificate,
            {Fault.AMBIGUOUS: 0.0},
            earlier_attempts=earlier_attempts,
            tags=dict(tags),
            **optional,
        )
        if not response.get("clientCertificateId"):
            raise ApiError(
                Fault.AMBIGUOUS, "the response to generate_client_certificate contains no ID"
            )
        return self._certificate(response)

    def describe(self, certificate: Certificate, description: str) -> None:
        """Replace the description; an empty one clears it."""
        operation: PatchOperationTypeDef = {
            "op": "replace",
            "path": "/description",
            "value": description,
        }
        self._caller.call(
            self._client.update_client_certificate,
            clientCertificateId=certificate.id,
            patchOperations=[operation],
        )

    def tag(self, certificate: Certificate, tags: Mapping[str, str]) -> None:
        """Add or replace tags."""
        self._caller.call(self._client.tag_resource, resourceArn=certificate.arn, tags=dict(tags))

    def untag(self, certificate: Certificate, keys: list[str]) -> None:
        """Remove tags."""
        self._caller.call(self._client.untag_resource, resourceArn=certificate.arn, tagKeys=keys)

    def delete(self, id: str, earlier_attempts: int) -> None:
        """Delete a certificate, without waiting for a stage that may use it (status 400 or 409)."""
        self._caller.call(
            self._client.delete_client_certificate,
            {Fault.CONFLICT: 0.0},
            earlier_attempts=earlier_attempts,
            clientCertificateId=id,
        )

    def stages_using(self, id: str, max_apis: int = MAX_APIS_READ) -> StageUses:
        """Return the stages of REST and WebSocket APIs that present a certificate.

        HTTP APIs cannot present one. Of each kind, at most `max_apis` APIs are read.
        """
        stages: list[str] = []
        unread: list[str] = []
        skipped = 0
        for apis_of_kind, stages_of_api in (
            (self._rest_apis, self._rest_stages),
            (self._websocket_apis, self._websocket_stages),
        ):
            try:
                apis = list(apis_of_kind())
                skipped += len(apis[max_apis:])
                for api in apis[:max_apis]:
                    stages += _stages_presenting(id, api, stages_of_api)
            except RequestError as error:
                unread.append(f"the stages could not all be read: {error}")
        if skipped:
            unread.append(f"the stages of {skipped} further APIs were not read")
        return StageUses(stages, "; ".join(unread))

    def _rest_apis(self) -> Iterator[str]:
        method = self._client.get_rest_apis
        for page in self._caller.pages(method, "position", NO_RETRY_IF_DENIED, limit=PAGE_SIZE):
            yield from (api["id"] for api in page.get("items", []))

    def _rest_stages(self, api: str) -> Iterator[tuple[str, str | None]]:
        response = self._caller.call(self._client.get_stages, NO_RETRY_IF_DENIED, restApiId=api)
        for stage in response.get("item", []):
            yield stage["stageName"], stage.get("clientCertificateId")

    def _websocket_apis(self) -> Iterator[str]:
        for page in self._caller.pages(self._v2.get_apis, "NextToken", NO_RETRY_IF_DENIED):
            for api in page.get("Items", []):
                if api["ProtocolType"] == "WEBSOCKET":
                    yield api["ApiId"]

    def _websocket_stages(self, api: str) -> Iterator[tuple[str, str | None]]:
        for page in self._caller.pages(
            self._v2.get_stages, "NextToken", NO_RETRY_IF_DENIED, ApiId=api
        ):
            for stage in page.get("Items", []):
                yield stage["StageName"], stage.get("ClientCertificateId")

    @cached_property
    def _v2(self) -> Any:
        # Created at its first use: it is rarely needed, and takes a tenth of a second.
        return self._caller.client("apigatewayv2")

    def _certificate(self, response: Any) -> Certificate:
        id = response["clientCertificateId"]
        return Certificate(
            id=id,
            arn=f"{self._prefix}/clientcertificates/{id}",
            pem=response.get("pemEncodedCertificate", ""),
            created=response.get("createdDate"),
            expires=response.get("expirationDate"),
            description=response.get("description", ""),
            tags=response.get("tags") or None,
        )


def _stages_presenting(
    id: str, api: str, stages_of_api: Callable[[str], Iterator[tuple[str, str | None]]]
) -> list[str]:
    try:
        return [f"{api}/{name}" for name, presented in stages_of_api(api) if presented == id]
    except ApiError as error:
        if error.fault is Fault.NOT_FOUND:  # the API was deleted after it was listed
            return []
        raise
