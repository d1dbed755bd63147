"""Who signs in, and what their programs hold."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Now
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken

from alignment.models.catalogue import Category


class User(AbstractUser):
    """A person. The log knows them only by the id of their `Actor`, so an account can be deleted."""

    class Role(models.TextChoices):
        REVIEWER = "reviewer", _("Reviewer")
        ADMIN = "admin", _("Admin")

    role = models.CharField(max_length=16, choices=Role.choices, default=Role.REVIEWER)
    languages = models.JSONField(default=list, blank=True, help_text="Languages they review in; empty for all")
    categories = models.ManyToManyField(Category, blank=True, related_name="+", help_text="Subtrees they review in; none for all")
    preferences = models.JSONField(default=dict, blank=True, help_text="Their keys and how they last saw each list")

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")

    @cached_property
    def category_paths(self) -> list[str]:
        """The paths of the categories they review in, read once for a user object, which a request has one of."""
        return list(self.categories.values_list("path", flat=True))

    @property
    def is_admin(self) -> bool:
        return self.is_superuser or self.role == self.Role.ADMIN


class Invitation(models.Model):
    """A link by which one person makes their account. Only the hash of its secret is kept; it is used once or expires."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=150, help_text="Whom it is for, as the inviting admin calls them")
    role = models.CharField(max_length=16, choices=User.Role.choices, default=User.Role.REVIEWER)
    languages = models.JSONField(default=list, blank=True)
    categories = models.ManyToManyField(Category, blank=True, related_name="+")
    author = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    accepted_by = models.OneToOneField(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="invitation")
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.name


class ApiToken(AbstractAuthToken):
    """A bearer token of a program: hashed at rest, scoped, expiring, and telling when it was last used."""

    class Scope(models.TextChoices):
        READ = "read", _("Read")
        WRITE = "write", _("Read and write")

    name = models.CharField(max_length=100, default="")
    scope = models.CharField(max_length=8, choices=Scope.choices, default=Scope.READ)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
