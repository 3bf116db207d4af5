"""Validate HTTP responses against botocore's service model."""

import json
from typing import Any

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "long": int,
    "double": (int, float),
    "timestamp": (int, float),
    "boolean": bool,
}


# Only these operations are implemented in local_aws. Some of ministack's own responses contain
# nulls, which the model does not allow.
_OPERATIONS = (
    "GenerateClientCertificate",
    "GetClientCertificate",
    "GetClientCertificates",
    "UpdateClientCertificate",
    "DeleteClientCertificate",
    "TagResource",
    "UntagResource",
    "GetTags",
    "TestInvokeMethod",
)


def validate_responses(client: Any) -> Any:
    """Make the client fail on responses that do not match the model, and return it."""
    for name in _OPERATIONS:
        client.meta.events.register(f"before-parse.apigateway.{name}", _check)
    return client


def _check(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    status, body = response_dict["status_code"], response_dict["body"]
    if status >= 300:
        check_error(operation_model, status, response_dict["headers"], body)
        return
    expected = operation_model.http.get("responseCode", 200)
    assert status == expected, f"{operation_model.name}: status {status} instead of {expected}"
    if operation_model.output_shape is None:
        assert not body, f"{operation_model.name} returns nothing, but the body is {body!r}"
    else:
        check_shape(operation_model.output_shape, json.loads(body), operation_model.name)


def validate_json_responses(client: Any) -> Any:
    """Make a client of a JSON service fail on responses that do not match the model."""
    service = client.meta.service_model
    client.meta.events.register(f"before-parse.{service.service_id.hyphenize()}", _check_json)
    return client


def _check_json(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    document = json.loads(response_dict["body"] or b"{}")
    if response_dict["status_code"] < 300:
        if operation_model.output_shape is not None:
            check_shape(operation_model.output_shape, document, operation_model.name)
        return
    # Some errors are common to all services and not in the model.
    known = {shape.name for shape in operation_model.error_shapes}
    assert document["__type"] in known | {"ValidationException", "AccessDeniedException"}


def check_error(operation_model: Any, status: int, headers: Any, body: bytes) -> None:
    """Check that the model declares the error for the operation, or that it comes from IAM."""
    code = headers["x-amzn-errortype"]
    if code == "AccessDeniedException":
        assert status == 403
        return
    assert json.loads(body).keys() == {"message"}
    shapes = {shape.name: shape for shape in operation_model.error_shapes}
    assert code in shapes, f"{operation_model.name} does not know {code}"
    assert status == shapes[code].metadata["error"]["httpStatusCode"]


def check_shape(shape: Any, value: Any, where: str) -> None:
    """Check that the model has every member of the value, with the same type."""
    if shape.type_name == "structure":
        members = {m.serialization.get("name", name): m for name, m in shape.members.items()}
        for name, item in value.items():
            assert name in members, f"{where}: the model has no member {name!r}"
            check_shape(members[name], item, f"{where}.{name}")
    elif shape.type_name == "list":
        assert isinstance(value, list), f"{where}: {value!r} is not a list"
        for item in value:
            check_shape(shape.member, item, f"{where}[]")
    elif shape.type_name == "map":
        assert isinstance(value, dict), f"{where}: {value!r} is not a map"
        for item in value.values():
            check_shape(shape.value, item, f"{where}{{}}")
    else:
        assert isinstance(value, _TYPES[shape.type_name]), f"{where}: {value!r}"
