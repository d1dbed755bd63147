"""Who may see which page. Decided on the server, for every request."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _

from alignment.models import User

View = Callable[..., HttpResponseBase]


def person(request: HttpRequest) -> User:
    """Who is signed in, on a page that asks for it."""
    return cast(User, request.user)


def reviewer_required(view: View) -> View:
    """Anyone who is signed in: admins review too."""
    guarded: View = login_required(view)
    return guarded


def admin_required(view: View) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not person(request).is_admin:
            raise PermissionDenied(_("This page is for admins."))
        return view(request, *args, **kwargs)

    return cast(View, login_required(guarded))
