"""API tokens: what a program signs its requests with. The token itself is told once; only its hash is kept."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from alignment.models import Actor, ApiToken, AuditEvent, User

LONGEST_LIFE_DAYS = 3650


class TokenError(Exception):
    """A token that cannot be made; the text says why."""


def create(*, user: User, name: str, scope: str, days: int, author: User | None) -> tuple[ApiToken, str]:
    """A new token of an account, and its text, which nobody can read again. Raises TokenError."""
    name = name.strip()[:100]
    if scope not in ApiToken.Scope.values:
        raise TokenError(_("A token reads, or reads and writes."))
    if not 1 <= days <= LONGEST_LIFE_DAYS:
        raise TokenError(_("A token lives from 1 to %(most)s days.") % {"most": LONGEST_LIFE_DAYS})
    with transaction.atomic():
        token, text = ApiToken.objects.create(user=user, expiry=timedelta(days=days), name=name, scope=scope)
        detail = {"scope": scope, "days": days, "account": user.get_username()}
        _tell(author, "create token", token, detail)
    return token, text


def revoke(*, token: ApiToken, author: User) -> None:
    """What signs with it is refused from now on."""
    with transaction.atomic():
        _tell(author, "revoke token", token, {"scope": token.scope, "account": token.user.get_username()})
        token.delete()


def _tell(author: User | None, action: str, token: ApiToken, detail: dict[str, object]) -> None:
    actor = Actor.of(author).uuid if author else None
    subject = f"{token.name} ({token.token_key[:8]})".strip()
    AuditEvent.objects.create(actor=actor, action=action, subject=subject[:200], detail=detail)
