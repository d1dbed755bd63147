"""Bearer tokens: hashed at rest, scoped, expiring, telling when they were last used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from alignment.models import ApiToken

TOLD_EVERY = timedelta(minutes=1)


class BearerAuthentication(TokenAuthentication):
    """Authorization: Bearer TOKEN. The last use is kept to the minute, so that reading does not write each time."""

    def authenticate(self, request: Request) -> Any:
        found = super().authenticate(request)
        if found:
            token, now = found[1], timezone.now()
            if token.last_used_at is None or token.last_used_at < now - TOLD_EVERY:
                ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return found


class TokenScope(BasePermission):
    """A token that reads may not write."""

    message = "This token may only read. Use one with the scope write."

    def has_permission(self, request: Request, view: Any) -> bool:
        token = request.auth
        if not isinstance(token, ApiToken):
            return False
        return request.method in SAFE_METHODS or token.scope == ApiToken.Scope.WRITE


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
