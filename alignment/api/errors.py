"""One shape for every error: {"error": {"code", "message", "fields"}}."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import resolve
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

logger = logging.getLogger(__name__)


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = f"The body is larger than the {settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20} MB that this server takes."


class LengthRequired(exceptions.APIException):
    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_code = "length_required"
    default_detail = "Send the body with its Content-Length, not in chunks."


class Conflict(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


def body(code: str, message: str, fields: dict[str, str] | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    if fields:
        error["fields"] = fields
    return {"error": error}


def flat(detail: Any, path: str = "") -> dict[str, str]:
    """Field paths such as candidates[3].title, each with what is wrong."""
    if isinstance(detail, dict):
        found: dict[str, str] = {}
        for key, value in detail.items():
            found |= flat(value, _below(path, key))
        return found
    if isinstance(detail, list):
        if all(isinstance(item, str) for item in detail):
            return {path: " ".join(detail)}
        found = {}
        for index, item in enumerate(detail):
            if item:
                found |= flat(item, f"{path}[{index}]")
        return found
    return {path: str(detail)}


def _below(path: str, key: object) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    if key == "non_field_errors":
        return path
    return f"{path}.{key}" if path else str(key)


def problem(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, RequestDataTooBig):
        error = TooLarge()
    elif isinstance(error, SuspiciousOperation):
        error = exceptions.ParseError("The request cannot be read: too many fields or files, or a malformed header.")
    set_rollback()
    if not isinstance(error, exceptions.APIException):
        logger.exception("The API failed", exc_info=error)
        return Response(body("internal", "Something broke on our side. It is in the log; trying again does no harm."), status=500)
    headers: dict[str, str] = {}
    if asked := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = asked
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    if isinstance(error, exceptions.ValidationError):
        fields = flat(error.detail)
        message = "; ".join(f"{name}: {text}" if name else text for name, text in list(fields.items())[:5])
        return Response(body("invalid", message, fields), status=error.status_code, headers=headers)
    code = error.get_codes()
    return Response(
        body(code if isinstance(code, str) else error.default_code, str(error.detail)), status=error.status_code, headers=headers
    )


# It reads and changes nothing: a program that posts to a wrong address is told so, not that its page is too old.
@csrf_exempt
def not_found(request: HttpRequest, **kwargs: Any) -> JsonResponse:
    message = "There is nothing at this address."
    path = request.path_info
    other = path[:-1] if path.endswith("/") else f"{path}/"
    if _is_an_address(other):
        message += f" Write it {'without' if path.endswith('/') else 'with'} the slash at its end: {other}"
    return JsonResponse(body("not_found", message), status=404)


def _is_an_address(path: str) -> bool:
    try:
        return resolve(path).func is not not_found
    except Http404:
        return False
