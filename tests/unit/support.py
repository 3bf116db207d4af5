"""How tests read a template."""

from typing import Any

Json = dict[str, Any]

CERTIFICATE = "Custom::ApiGatewayClientCertificate"


def of_type(template: Json, type: str) -> dict[str, Json]:
    """The resources of a type, by their logical IDs."""
    return {id: it for id, it in template["Resources"].items() if it["Type"] == type}


def the_only(template: Json, type: str) -> tuple[str, Json]:
    """Logical ID and definition of the one resource of a type."""
    [found] = of_type(template, type).items()
    return found


def references(value: Any) -> set[str]:
    """The logical IDs that a part of a template waits for: Ref, GetAtt and DependsOn."""
    match value:
        case {"Ref": str(id)}:
            return {id}
        case {"Fn::GetAtt": [str(id), _]}:
            return {id}
        case dict():
            waits_for = value.get("DependsOn", [])
            return set(waits_for).union(*map(references, value.values()))
        case list():
            return set().union(*map(references, value))
        case _:
            return set()
