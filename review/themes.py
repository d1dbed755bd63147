"""How a person wants pages to look: as their system does, light, or dark."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from alignment.models import User

THEMES: dict[str, Promise] = {"": _("As the system"), "light": _("Light theme"), "dark": _("Dark theme")}


def of(user: Any) -> str:
    chosen = user.preferences.get("theme", "") if isinstance(user, User) else ""
    return chosen if chosen in THEMES else ""


def choose(*, user: User, theme: str) -> None:
    """Raises ValueError for a theme that there is not."""
    if theme not in THEMES:
        raise ValueError(theme)
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=user.pk)
        row.preferences = row.preferences | {"theme": theme}
        row.save(update_fields=["preferences"])
