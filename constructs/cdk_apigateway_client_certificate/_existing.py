"""Client certificates that exist already: looked up at deploy, or described by the user."""

from collections.abc import Mapping

import aws_cdk as cdk
from constructs import Construct

from ._base import ClientCertificateBase, check_id, create_custom_resource
from .lambda_handler import contract
from .lambda_handler.contract import Attribute, Property


class LookedUp(ClientCertificateBase):
    """A certificate that the stack reads, with a custom resource of a type of its own."""

    def __init__(self, scope: Construct, id: str, client_certificate_id: str) -> None:
        super().__init__(scope, id)
        check_id(self, client_certificate_id)
        self._existing_id = client_certificate_id
        properties = {Property.LOOKUP: client_certificate_id}
        self._resource = create_custom_resource(
            self, cdk.Stack.of(self), contract.LOOKUP_RESOURCE_TYPE, properties
        )


class Known(ClientCertificateBase):
    """A certificate whose attributes are given."""

    def __init__(self, scope: Construct, id: str, attributes: Mapping[str, str | None]) -> None:
        super().__init__(scope, id)
        given = {name: value for name, value in attributes.items() if value is not None}
        check_id(self, given[Attribute.ID])
        stack = cdk.Stack.of(self)
        arn = f"arn:{stack.partition}:apigateway:{stack.region}::/clientcertificates/"
        self._attributes = {**given, Attribute.ARN: arn + given[Attribute.ID]}

    def _metric_logical_id(self) -> str:
        """Return the construct's unique ID: there is no resource that has a logical ID."""
        return cdk.Names.unique_id(self)

    def _create_attribute(self, name: str) -> str:
        raise ValueError(
            f"{self.node.path}: {name} is not known here: give it to "
            "from_client_certificate_attributes, or use from_client_certificate_id"
        )
