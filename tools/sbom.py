"""Describe the code of the Lambda function as a CycloneDX bill of materials."""

from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


def bill_of_materials(
    handler: tuple[str, str], crhelper_version: str, asset_hash: str, released: datetime
) -> str:
    """Return the bill as JSON. The same arguments give the same text.

    Args:
        handler: Name and version of the distribution that the handler is part of.
        crhelper_version: The version of the crhelper in the asset.
        asset_hash: CDK's, which is in the name of the asset's object in S3.
        released: When the code was committed.

    Raises:
        ValueError: The bill does not follow CycloneDX's schema.
    """
    name, version = handler
    asset = Component(
        name=f"{name} Lambda asset",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref="asset",
        description="The code of the Lambda function. boto3 is not in it: Lambda's runtime has it.",
        licenses=[DisjunctiveLicense(id="Apache-2.0")],
        properties=[Property(name="aws:cdk:asset-hash", value=asset_hash)],
    )
    own, crhelper = _package(name, version), _package("crhelper", crhelper_version)
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, f"{name}/{version}/{asset_hash}"),
        metadata=BomMetaData(component=asset, timestamp=released.astimezone(UTC)),
        components=[own, crhelper],
    )
    bom.register_dependency(asset, [own, crhelper])
    bom.register_dependency(own, [crhelper])
    text = JsonV1Dot6(bom).output_as_string(indent=2) + "\n"
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"the bill of materials breaks CycloneDX's schema: {error}")
    return text


def _package(name: str, version: str) -> Component:
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=name,
        purl=PackageURL("pypi", name=name, version=version),
        licenses=[DisjunctiveLicense(id="Apache-2.0")],
    )
