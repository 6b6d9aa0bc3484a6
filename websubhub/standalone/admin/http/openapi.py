"""The OpenAPI document of the admin API, generated from its routes."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from websubhub.standalone.admin.http.route import Parameter, Route

PATH = "/admin/openapi.json"

_ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}
_WORDS = {
    200: "The result.",
    400: "A parameter is missing, unknown or invalid.",
    401: "The token is missing or wrong, or the hub has none and is not on loopback.",
    403: "The token is read-only, or the request is from another origin.",
    404: "The object does not exist.",
    409: "The current state does not allow this.",
    413: "The body is too large.",
    415: "The Content-Type is not application/json, and no token is set.",
    429: "Too many requests had a wrong token.",
    503: "The store failed, or the hub is starting or stopping.",
}
_OF_ALL = (400, 401, 403, 429, 503)


def document(routes: Iterable[Route]) -> Mapping[str, Any]:
    """Return the OpenAPI document for these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The admin API of a websubhub",
            "version": _version(),
            "description": "Inspects and operates a running hub.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _ERROR},
        },
        "security": [{"token": []}],
    }


@cache
def _version() -> str:
    return version("websubhub")


def _operation(route: Route) -> dict[str, Any]:
    in_path = [each for each in route.parameters if f"{{{each.name}}}" in route.parts]
    others = [each for each in route.parameters if each not in in_path]
    described: dict[str, Any] = {
        "operationId": "_".join([route.method.lower(), *route.path.replace("-", "_").split("/")[2:]]),
        "summary": route.summary,
        "parameters": [_parameter(each, "path") for each in in_path],
        "responses": {str(status): _response(status, route) for status in _statuses(route)},
    }
    if route.method == "GET":
        described["parameters"] += [_parameter(each, "query") for each in others]
    else:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": _body(others)}}}
    return described


def _statuses(route: Route) -> Sequence[int]:
    of_posts = () if route.method == "GET" else (413, 415)
    return sorted({200, *_OF_ALL, *of_posts, *route.statuses})


def _parameter(parameter: Parameter, place: str) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": place,
        "description": parameter.text,
        "required": parameter.required,
        "schema": parameter.schema,
    }


def _body(parameters: Sequence[Parameter]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {each.name: {"description": each.text, **each.schema} for each in parameters},
        "required": [each.name for each in parameters if each.required],
        "additionalProperties": False,
    }


def _response(status: int, route: Route) -> dict[str, Any]:
    schema = route.answer if status == 200 else {"$ref": "#/components/schemas/Error"}  # noqa: PLR2004 - OK
    return {"description": _WORDS[status], "content": {"application/json": {"schema": schema}}}
