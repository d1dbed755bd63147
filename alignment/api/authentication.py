"""Bearer tokens: hashed at rest, scoped, expiring, telling when they were last used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from alignment.models import ApiToken

TOLD_EVERY = timedelta(minutes=1)


class WrongTokens(SimpleRateThrottle):
    """Guessing tokens: an address that sends many wrong ones has to wait. Right ones are not counted."""

    rate, scope = "30/min", "wrong-tokens"
    num_requests: int
    duration: int

    def get_cache_key(self, request: Request, view: Any) -> str:
        return f"wrong-tokens-{self.get_ident(request)}"

    def _recent(self, request: Request) -> list[float]:
        now = self.timer()
        return [at for at in self.cache.get(self.get_cache_key(request, None), []) if at > now - self.duration]

    def check(self, request: Request) -> None:
        """Raises Throttled."""
        if len(self._recent(request)) >= self.num_requests:
            raise Throttled(wait=self.duration)

    def count(self, request: Request) -> None:
        self.cache.set(self.get_cache_key(request, None), [self.timer(), *self._recent(request)], self.duration)


class BearerAuthentication(TokenAuthentication):
    """Authorization: Bearer TOKEN. The last use is kept to the minute, so that reading does not write each time."""

    def authenticate(self, request: Request) -> Any:
        failures = WrongTokens()
        failures.check(request)
        try:
            found = super().authenticate(request)
        except UnicodeDecodeError:
            failures.count(request)
            raise AuthenticationFailed from None
        except AuthenticationFailed:
            failures.count(request)
            raise
        if found:
            token, now = found[1], timezone.now()
            if token.last_used_at is None or token.last_used_at < now - TOLD_EVERY:
                ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return found


class AnyToken(BasePermission):
    """Whatever its scope: what is asked changes nothing."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.auth, ApiToken)


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
