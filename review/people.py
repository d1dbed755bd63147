"""Who works here: invited by a link, with a role and what they review, deactivated and brought back. All of it is audited."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from alignment import catalogue
from alignment.models import Actor, AuditEvent, Category, Invitation, User
from review import leases
from review.templatetags.listings import language

INVITATION_LASTS = timedelta(days=7)
USUAL_LANGUAGES = ("zh", "en", "fr", "de", "es")
Role = User.Role
ADMINS = Q(is_superuser=True) | Q(role=Role.ADMIN)


@dataclass
class PeopleError(Exception):
    """A change that cannot be made; the text says why, to the admin who wanted it."""

    message: str

    def __str__(self) -> str:
        return self.message


class UsernameTaken(PeopleError):
    """Somebody else has the name that an invited person chose."""


def languages_offered(kept: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Languages that somebody can be said to review in: the usual ones, the catalogue's, and those kept from before."""
    codes = {*USUAL_LANGUAGES, *catalogue.languages(), *kept} - {""}
    return sorted(((code, language(code)) for code in codes), key=lambda one: one[1])


def invite(*, name: str, role: str, languages: Sequence[str], categories: Sequence[Category], author: User) -> tuple[Invitation, str]:
    """An invitation, and the secret of its link, which nobody can read again."""
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        made = Invitation.objects.create(
            secret_hash=_hash(secret),
            name=name.strip(),
            role=role,
            languages=list(languages),
            author=author,
            expires_at=timezone.now() + INVITATION_LASTS,
        )
        made.categories.set(categories)
        _tell(author, "invite", made.name, _given(role, languages, categories) | {"invitation": str(made.uuid)})
    return made, secret


def invitation_of(secret: str) -> Invitation | None:
    """The invitation that a link opens, while it is neither used nor withdrawn nor too old."""
    now = timezone.now()
    open_ = Invitation.objects.filter(accepted_at__isnull=True, revoked_at__isnull=True, expires_at__gt=now)
    return open_.select_related("author").filter(secret_hash=_hash(secret)).first()


def accepted_by(user: User, secret: str) -> bool:
    """Whether a link is the one by which this person came."""
    return Invitation.objects.filter(secret_hash=_hash(secret), accepted_by=user).exists()


def accept(*, secret: str, username: str, password: str) -> User:
    """Make the account that an invitation stands for, once. Raises PeopleError where it is used, withdrawn or too old by now, or
    UsernameTaken, which leaves it good.
    """
    with transaction.atomic():
        found = invitation_of(secret)
        if found is None or not Invitation.objects.filter(pk=found.pk, accepted_at__isnull=True).update(accepted_at=timezone.now()):
            raise PeopleError(_("This invitation was used, withdrawn, or is older than seven days. Ask for a new one."))
        user = User(username=username, first_name=found.name[:150], role=found.role, languages=found.languages, **_rights(found.role))
        user.set_password(password)
        try:
            with transaction.atomic():
                user.save()
        except IntegrityError as error:
            raise UsernameTaken(str(User._meta.get_field("username").error_messages["unique"])) from error
        user.categories.set(found.categories.all())
        Invitation.objects.filter(pk=found.pk).update(accepted_by=user)
        _tell(user, "accept invitation", user.get_username(), {"role": found.role, "invitation": str(found.uuid)})
    return user


def withdraw_invitation(*, invitation: Invitation, author: User) -> None:
    """Its link opens nothing any more."""
    with transaction.atomic():
        if Invitation.objects.filter(pk=invitation.pk, accepted_at__isnull=True, revoked_at__isnull=True).update(revoked_at=timezone.now()):
            _tell(author, "withdraw invitation", invitation.name, {"invitation": str(invitation.uuid)})


def change(*, user: User, role: str, languages: Sequence[str], categories: Sequence[Category], author: User) -> None:
    """Give a person another role or other work. Raises PeopleError for the last admin."""
    with transaction.atomic():
        row = _locked(user)
        if row.is_admin and role != Role.ADMIN:
            _keep_an_admin(row)
        was = _given(Role.ADMIN if row.is_admin else row.role, row.languages, row.categories.all())
        row.role, row.languages = role, list(languages)
        for right, has in _rights(role).items():
            setattr(row, right, has)
        row.save(update_fields=["role", "languages", *_rights(role)])
        row.categories.set(categories)
        now = _given(role, languages, categories)
        if changed := {field: [was[field], now[field]] for field in now if was[field] != now[field]}:
            _tell(author, "change person", row.get_username(), changed)


def deactivate(*, user: User, author: User) -> None:
    """They cannot sign in any more, and what they held is free. What they decided stays. Raises PeopleError for the last admin."""
    with transaction.atomic():
        row = _locked(user)
        if row.is_admin:
            _keep_an_admin(row)
        leases.release(row)
        if row.is_active:
            row.is_active = False
            row.save(update_fields=["is_active"])
            _tell(author, "deactivate person", row.get_username(), {})


def reactivate(*, user: User, author: User) -> None:
    with transaction.atomic():
        row = _locked(user)
        if not row.is_active:
            row.is_active = True
            row.save(update_fields=["is_active"])
            _tell(author, "reactivate person", row.get_username(), {})


def rename(*, user: User, name: str) -> None:
    """What a person calls themselves beside the name they sign in with."""
    User.objects.filter(pk=user.pk).update(first_name=name.strip()[:150], last_name="")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _rights(role: str) -> dict[str, bool]:
    """An admin has the records too, as the first one has."""
    admin = role == Role.ADMIN
    return {"is_staff": admin, "is_superuser": admin}


def _locked(user: User) -> User:
    """Their row, with every admin's in one order: two who leave at once neither wait for each other nor both see the other stay."""
    rows = User.objects.select_for_update(no_key=True).filter(ADMINS | Q(pk=user.pk)).order_by("pk")
    return rows.in_bulk()[user.pk]


def _keep_an_admin(leaving: User) -> None:
    if not User.objects.filter(ADMINS, is_active=True).exclude(pk=leaving.pk).exists():
        raise PeopleError(_("This is the last admin. Make somebody else an admin first."))


def _given(role: str, languages: Iterable[str], categories: Iterable[Category]) -> dict[str, Any]:
    return {"role": str(role), "languages": sorted(languages), "categories": sorted(category.path for category in categories)}


def _tell(author: User, action: str, subject: str, detail: dict[str, Any]) -> None:
    AuditEvent.objects.create(actor=Actor.of(author).uuid, action=action, subject=subject[:200], detail=detail)
