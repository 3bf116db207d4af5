"""Count the calls per request: all calls of an account share a limit of 10 requests/s."""

from handler_testing.environment import Environment


def test_create_makes_one_list_and_one_generate_call(environment: Environment) -> None:
    assert environment.function().invoke(environment.event("Create")).outcome == "returned"
    assert environment.api_gateway.calls == ["GET /clientcertificates", "POST /clientcertificates"]


def test_update_without_changes_makes_one_get_call(environment: Environment) -> None:
    function, event = environment.function(), environment.event("Create")
    function.invoke(event)
    [id] = environment.api_gateway.ids
    environment.api_gateway.calls.clear()
    properties = event["ResourceProperties"]
    function.invoke(
        environment.event("Update", PhysicalResourceId=id, OldResourceProperties={**properties})
    )
    assert environment.api_gateway.calls == [f"GET /clientcertificates/{id}"]


def test_update_writes_only_what_changed(environment: Environment) -> None:
    function, event = environment.function(), environment.event("Create")
    function.invoke(event)
    [id] = environment.api_gateway.ids
    environment.api_gateway.calls.clear()
    previous = event["ResourceProperties"]
    function.invoke(
        environment.event(
            "Update",
            PhysicalResourceId=id,
            ResourceProperties={**previous, "Description": "another"},
            OldResourceProperties=previous,
        )
    )
    assert environment.api_gateway.calls == [
        f"GET /clientcertificates/{id}",
        f"PATCH /clientcertificates/{id}",
    ]


def test_delete_makes_one_list_and_one_delete_call(environment: Environment) -> None:
    function = environment.function()
    function.invoke(environment.event("Create"))
    [id] = environment.api_gateway.ids
    environment.api_gateway.calls.clear()
    function.invoke(environment.event("Delete", PhysicalResourceId=id))
    assert environment.api_gateway.calls == [
        "GET /clientcertificates",
        f"DELETE /clientcertificates/{id}",
    ]
    assert not environment.api_gateway.ids
