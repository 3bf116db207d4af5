"""What `ministack` 1.5.33 lacks for this project, added in process; each addition says why.

ministack is untyped and these are its private names: nothing of it leaves this module.
"""

import asyncio
import contextvars
import functools
import ssl
import tempfile
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from .client_certificates import ApiError, ClientCertificates, Identity
from .settings import Settings

__all__ = ["install"]

Answer = tuple[int, dict[str, str], bytes]
Stores = Callable[[str], ClientCertificates]
"""The client certificates of a Region."""


def install(settings: Settings) -> Any:
    """Extend ministack and return its ASGI application. Its environment must be set already."""
    app = import_module("ministack.app")
    v1: Any = import_module("ministack.services.apigateway_v1")

    @functools.cache
    def stores(region: str) -> ClientCertificates:
        return ClientCertificates(
            region,
            quota=settings.quota,
            throttled=settings.throttled,
            tags_in_list=settings.tags_in_list,
            stages_using=functools.partial(_stages_using, v1, region),
        )

    _serve_client_certificates(stores)
    _check_certificates_of_stages(v1, stores)
    _present_certificates(v1, stores, settings.trust)
    _provision_stages_with_certificates(v1)
    _provision_client_certificates(stores)
    _stop_a_create_before_a_delete()
    return app.app


def _region() -> str:
    """The Region of the request at hand."""
    region: str = import_module("ministack.core.responses").get_region()
    return region


# The API's routes


def _serve_client_certificates(stores: Stores) -> None:
    """ministack has no `/clientcertificates`, and its tag calls know nothing of their ARNs."""
    apigateway: Any = import_module("ministack.services.apigateway")
    serve_the_rest = apigateway.handle_request

    async def handle_request(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: Mapping[str, Sequence[str]],
    ) -> Answer:
        store, raw_path = stores(_region()), quote(path)
        if not store.handles(method, raw_path):
            answer: Answer = await serve_the_rest(method, path, headers, body, query)
            return answer
        if method == "PUT" and path.startswith("/tags/"):
            certificate_arn = path.removeprefix("/tags/")
            if denied := _denied("apigateway:PATCH", certificate_arn, headers, query):
                return denied
        # In a thread, since making an RSA key would hold up every other request.
        response = await asyncio.to_thread(store.handle, method, raw_path, query, body)
        return response.status, response.headers, response.body

    apigateway.handle_request = handle_request


def _denied(
    action: str, resource: str, headers: dict[str, str], query: Mapping[str, Sequence[str]]
) -> Answer | None:
    """The refusal where the caller's policies do not allow the action, None where they do.

    ministack checks one action a request; `TagResource` takes two: PUT on the tags, which it
    checks, and PATCH on what is tagged (iann0036/iam-dataset#39).
    """
    router, actions, evaluator = (
        import_module(f"ministack.core.{name}")
        for name in ("router", "iam_actions", "iam_evaluator")
    )
    key = router.extract_access_key_id(headers, query)
    found = evaluator.enforce(key, action, "apigateway", _region(), resource_arn=resource)
    if not found:
        return None
    answer: Answer = actions.access_denied_response(
        "apigateway",
        action,
        found.principal_arn,
        str(uuid4()),
        headers=headers,
        resource_arn=resource,
        explicit_deny=found.decision == "Deny",
    )
    return answer


# Stages


def _stages_using(v1: Any, region: str, id: str) -> list[str]:
    return [
        f"{api}/{name}"
        for (_, stage_region, api), stages in v1._stages_v1.all_items()
        for name, stage in stages.items()
        if stage_region == region and stage.get("clientCertificateId") == id
    ]


def _check_certificates_of_stages(v1: Any, stores: Stores) -> None:
    """ministack's UpdateStage takes any `clientCertificateId`. (CreateStage has no such member.)"""
    update_stage = v1._update_stage

    def update(api_id: str, stage_name: str, data: dict[str, Any]) -> Answer:
        answer: Answer
        for operation in data.get("patchOperations", []):
            if operation.get("path") != "/clientCertificateId":
                continue
            id = operation.get("value")
            if not id:
                operation["op"] = "remove"
            elif id not in stores(_region()).certificates:
                message = f"Invalid client certificate identifier: {id}"
                answer = v1._v1_error("BadRequestException", message, 400)
                return answer
        answer = update_stage(api_id, stage_name, data)
        return answer

    v1._update_stage = update


def _present_certificates(v1: Any, stores: Stores, trust: str | None) -> None:
    """ministack's HTTP integrations present no client certificate; API Gateway's do."""
    execute = v1._execute_in_scope
    identity: contextvars.ContextVar[Identity | None] = contextvars.ContextVar("identity")

    async def execute_as_stage(
        request: dict[str, Any], api_id: str, stage_name: str, *rest: Any
    ) -> Any:
        stage = v1._stages_v1.get(api_id, {}).get(stage_name) or {}
        id = stage.get("clientCertificateId")
        identity.set(stores(_region()).identity(id) if id else None)
        return await execute(request, api_id, stage_name, *rest)

    async def urlopen(
        request: urllib.request.Request, timeout: float
    ) -> tuple[int, dict[str, str], bytes]:
        return await asyncio.to_thread(_urlopen, request, timeout, identity.get(), trust)

    v1._execute_in_scope, v1._urlopen_async = execute_as_stage, urlopen


def _urlopen(
    request: urllib.request.Request, timeout: float, identity: Identity | None, trust: str | None
) -> tuple[int, dict[str, str], bytes]:
    context = ssl.create_default_context()
    if trust:
        context.load_verify_locations(trust)
    if identity:
        # OpenSSL takes a client's key from a file only. The temporary file's mode is 0600.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(identity.private_key + identity.certificate)
            file.flush()
            context.load_cert_chain(file.name)
    with urllib.request.urlopen(request, timeout=timeout, context=context) as response:
        return response.status, dict(response.headers.items()), response.read()


# CloudFormation


def _provision_stages_with_certificates(v1: Any) -> None:
    """ministack's `AWS::ApiGateway::Stage` ignores `ClientCertificateId`."""
    handlers = import_module("ministack.services.cloudformation.provisioners")._RESOURCE_HANDLERS
    stage = handlers["AWS::ApiGateway::Stage"]
    create_stage, update_stage, delete_stage = (
        stage[name] for name in ("create", "update", "delete")
    )

    def carry(props: dict[str, Any]) -> None:
        id = props.get("ClientCertificateId", "")
        patch = {"op": "replace", "path": "/clientCertificateId", "value": id}
        status, _, body = v1._update_stage(
            props.get("RestApiId"), props.get("StageName"), {"patchOperations": [patch]}
        )
        if status >= 400:
            raise ValueError(f"AWS::ApiGateway::Stage failed: {body!r}")

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        made = create_stage(logical_id, props, stack_name)
        try:
            carry(props)
        except ValueError:
            delete_stage(made[0], props)
            raise
        return made

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Any:
        updated = update_stage(physical_id, old, new, stack_name)
        carry(new)
        return updated

    stage["create"], stage["update"] = create, update


def _provision_client_certificates(stores: Stores) -> None:
    """ministack does not know the resource type `AWS::ApiGateway::ClientCertificate`."""
    provisioners = import_module("ministack.services.cloudformation.provisioners")

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        made = stores(_region()).generate(props.get("Description"), _tags(props))
        return made.id, {"ClientCertificateId": made.id}

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Any:
        store, tags = stores(_region()), _tags(new)
        description = new.get("Description", "")
        patch = {"op": "replace", "path": "/description", "value": description}
        store.update(physical_id, [patch])
        if gone := [key for key in _tags(old) if key not in tags]:
            store.untag(physical_id, gone)
        store.tag(physical_id, tags)
        return physical_id, {"ClientCertificateId": physical_id}

    def delete(physical_id: str, props: dict[str, Any]) -> None:
        try:
            stores(_region()).delete(physical_id)
        except ApiError as error:
            if error.code != "NotFoundException":
                raise

    type_name = "AWS::ApiGateway::ClientCertificate"
    handlers = {"create": create, "update": update, "delete": delete}
    provisioners._RESOURCE_HANDLERS[type_name] = handlers
    # So that the stack's tags reach it and a change set says that it is updated in place.
    provisioners._STACK_TAG_PROPERTY[type_name] = ("Tags", "list")
    provisioners._REPLACING_PROPERTIES[type_name] = ()


def _stop_a_create_before_a_delete() -> None:
    """ministack goes on with a create beside the delete that should end it, and leaves a part.

    Here it is rolled back, and deleted then; on AWS the status says DELETE_IN_PROGRESS throughout.
    """
    cloudformation: Any = import_module("ministack.services.cloudformation")
    handlers: Any = import_module("ministack.services.cloudformation.handlers")
    stacks: Any = import_module("ministack.services.cloudformation.stacks")
    provision, delete = stacks._provision_resource, handlers._delete_stack_async

    def provision_unless_stopped(
        type_name: str, logical_id: str, props: dict[str, Any], stack_name: str
    ) -> Any:
        if cloudformation._stacks.get(stack_name, {}).get("_stopped"):
            raise ValueError("Resource creation cancelled")
        return provision(type_name, logical_id, props, stack_name)

    async def stop_and_delete(stack_name: str, *rest: Any, **options: Any) -> None:
        stack = cloudformation._stacks.get(stack_name, {})
        while stack.get("StackStatus") in {"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"}:
            stack["_stopped"] = True
            await asyncio.sleep(0.02)
        await delete(stack_name, *rest, **options)

    stacks._provision_resource = provision_unless_stopped
    handlers._delete_stack_async = stop_and_delete


def _tags(props: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a template's resource, without the `aws:` ones, which only AWS may write."""
    tags = {tag["Key"]: tag["Value"] for tag in props.get("Tags", [])}
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}
