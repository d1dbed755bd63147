"""The content security policy by area: strict on our pages, relaxed where other people's pages need it and nowhere else."""

from __future__ import annotations

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase

# The admin site's theme runs Alpine.js, which evaluates attributes, and styles inline; the API page's Swagger UI styles inline.
RELAXED = {
    "/admin/": {"script-src": [SELF, UNSAFE_EVAL, UNSAFE_INLINE], "style-src": [SELF, UNSAFE_INLINE], "img-src": [SELF, "data:", "blob:"]},
    "/api/docs/": {"style-src": [SELF, UNSAFE_INLINE], "object-src": [NONE]},
}


class PolicyByArea(CSPMiddleware):
    def get_policy_parts(self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False) -> PolicyParts:
        parts = super().get_policy_parts(request=request, response=response, report_only=report_only)
        for prefix, directives in RELAXED.items():
            if request.path_info.startswith(prefix) and not report_only:
                parts.replace = {**(parts.replace or {}), **directives}
        return parts
