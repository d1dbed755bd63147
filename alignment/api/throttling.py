"""How often a token may ask."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from alignment.models import ApiToken


class TokenRate(SimpleRateThrottle):
    """By token; without one, by address."""

    scope = "token"

    def get_cache_key(self, request: Request, view: Any) -> str:
        if isinstance(request.auth, ApiToken):
            return f"throttle-token-{request.auth.pk}"
        return f"throttle-address-{self.get_ident(request)}"
