"""The calls that only a rotation makes: to stages, backend checks, the parameter and events."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from ..calls import ApiError, Caller
from ..contract import OwnTag
from ..errors import RefusedError
from ..faults import Fault
from .settings import BackendCheck, Settings, Stage

EVENT_SOURCE: Final = "client-certificate.rotation"
CHECK_TIMEOUT_FACTOR: Final = 2.2
"""How many times longer than other calls a backend check may take.

It then waits 33 s for the response. API Gateway waits 29 s for a backend, unless that quota was
raised, and then responds with an error status, which counts as refused. A check that starts at the
deadline, after 250 s, is over before the function's time-out of 300 s.
"""


@dataclass(frozen=True)
class StageState:
    """What a stage presents, and the variables that its integrations use."""

    certificate_id: str | None
    variables: Mapping[str, str]


class Services:
    """The calls of one invocation. Every method raises `ApiError` and `OutOfTimeError`."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._apigateway = caller.client("apigateway")

    def stage(self, stage: Stage) -> StageState | None:
        """Return the state of a stage, None if it does not exist."""
        try:
            if stage.of_rest_api:
                found = self._caller.call(
                    self._apigateway.get_stage, restApiId=stage.api_id, stageName=stage.name
                )
                return StageState(found.get("clientCertificateId"), found.get("variables") or {})
            found = self._caller.call(self._v2.get_stage, ApiId=stage.api_id, StageName=stage.name)
            return StageState(found.get("ClientCertificateId"), found.get("StageVariables") or {})
        except ApiError as error:
            if error.fault is Fault.NOT_FOUND:
                return None
            raise

    def present(self, stage: Stage, certificate_id: str) -> None:
        """Make a stage present a certificate; none if the ID is empty."""
        if stage.of_rest_api:
            operation = {"op": "replace", "path": "/clientCertificateId", "value": certificate_id}
            self._caller.call(
                self._apigateway.update_stage,
                restApiId=stage.api_id,
                stageName=stage.name,
                patchOperations=[operation],
            )
        else:
            self._caller.call(
                self._v2.update_stage,
                ApiId=stage.api_id,
                StageName=stage.name,
                ClientCertificateId=certificate_id,
            )

    def accepts(
        self, check: BackendCheck, variables: Mapping[str, str], certificate_id: str
    ) -> bool:
        """Return whether a backend responds with a status from 200 to 399.

        The response is neither logged nor kept: its body and headers are the backend's.

        Args:
            check: The method to call.
            variables: The stage's variables.
            certificate_id: The certificate to present, empty for none.
        """
        presented: dict[str, Any] = (
            {"clientCertificateId": certificate_id} if certificate_id else {}
        )
        response = self._caller.call(
            self._check_client.test_invoke_method,
            restApiId=check.api_id,
            resourceId=check.resource_id,
            httpMethod=check.verb,
            stageVariables=dict(variables),
            **presented,
        )
        return 200 <= int(response.get("status") or 0) < 400

    def bundle(self, settings: Settings) -> str | None:
        """Return the parameter's value, None if there is no parameter."""
        try:
            response = self._caller.call(self._ssm.get_parameter, Name=settings.parameter)
        except ApiError as error:
            if error.fault is Fault.NOT_FOUND:
                return None
            raise
        value: str = response["Parameter"]["Value"]
        return value

    def publish(self, settings: Settings, value: str) -> None:
        """Create the parameter, or replace its value if it is the resource's own.

        Raises:
            RefusedError: The parameter belongs to somebody else.
        """
        if self.owns_parameter(settings):
            response = self._caller.call(
                self._ssm.put_parameter, Name=settings.parameter, Value=value, Overwrite=True
            )
            if response.get("Version") == 1:  # deleted meanwhile: this one has no tags
                self._tag_parameter(settings, settings.owner_tags)
            return
        self._caller.call(
            self._ssm.put_parameter,
            Name=settings.parameter,
            Value=value,
            Type="String",
            Description="Client certificates to trust (PEM); the first one is presented",
            Tags=_tag_list(settings.owner_tags),
        )

    def owns_parameter(self, settings: Settings) -> bool:
        """Return whether the parameter exists and is the resource's own.

        Raises:
            RefusedError: The parameter belongs to somebody else.
        """
        tags = self._parameter_tags(settings)
        if tags is None:
            return False
        if settings.owner_tags.items() <= tags.items():
            return True
        raise RefusedError(
            f"parameter {settings.parameter} exists and does not have the tags of this resource, "
            "so it is neither written nor deleted: delete it, or choose another "
            "trust_parameter_name"
        )

    def created_by(self, settings: Settings) -> str | None:
        """Return the RequestId of the last Create that succeeded, None if it is unknown."""
        tags = self._parameter_tags(settings) or {}
        own = settings.owner_tags.items() <= tags.items()
        return tags.get(OwnTag.REQUEST) if own else None

    def set_created_by(self, settings: Settings, request_id: str) -> None:
        """Tag the parameter with the RequestId of a Create that has succeeded."""
        self._tag_parameter(settings, {OwnTag.REQUEST: request_id})

    def _parameter_tags(self, settings: Settings) -> dict[str, str] | None:
        """Return the parameter's tags, None if there is no parameter."""
        try:
            response = self._caller.call(
                self._ssm.list_tags_for_resource,
                ResourceType="Parameter",
                ResourceId=settings.parameter,
            )
        except ApiError as error:
            if error.fault is Fault.NOT_FOUND:
                return None
            raise
        return {tag["Key"]: tag["Value"] for tag in response.get("TagList", [])}

    def _tag_parameter(self, settings: Settings, tags: Mapping[str, str]) -> None:
        self._caller.call(
            self._ssm.add_tags_to_resource,
            ResourceType="Parameter",
            ResourceId=settings.parameter,
            Tags=_tag_list(tags),
        )

    def delete_parameter(self, settings: Settings) -> None:
        """Delete the parameter if it is there.

        Raises:
            RefusedError: The parameter belongs to somebody else.
        """
        if self.owns_parameter(settings):
            try:
                self._caller.call(self._ssm.delete_parameter, Name=settings.parameter)
            except ApiError as error:
                if error.fault is not Fault.NOT_FOUND:
                    raise

    def emit(self, detail_type: str, detail: Mapping[str, Any], now: datetime) -> None:
        """Put an event on the account's default bus.

        Raises:
            RefusedError: EventBridge did not take it.
        """
        response = self._caller.call(
            self._events.put_events,
            Entries=[
                {
                    "Time": now,
                    "Source": EVENT_SOURCE,
                    "DetailType": detail_type,
                    "Detail": json.dumps(detail),
                }
            ],
        )
        if response.get("FailedEntryCount"):
            entry = response["Entries"][0]
            raise RefusedError(
                f"EventBridge did not take event {detail_type!r}: {entry.get('ErrorCode')}: "
                f"{entry.get('ErrorMessage')}"
            )

    # Clients are created at their first use: each takes a tenth of a second.

    @cached_property
    def _check_client(self) -> Any:
        return self._caller.client("apigateway", timeout_factor=CHECK_TIMEOUT_FACTOR)

    @cached_property
    def _v2(self) -> Any:
        return self._caller.client("apigatewayv2")

    @cached_property
    def _ssm(self) -> Any:
        return self._caller.client("ssm")

    @cached_property
    def _events(self) -> Any:
        return self._caller.client("events")


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
