"""The admin site, for what has no page of its own. The log, scores and groups can be looked at there, never changed."""

from __future__ import annotations

from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group as AuthGroup
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from alignment import models
from alignment.catalogue import correct_language
from alignment.models import User

admin.site.unregister(AuthGroup)
# Who is locked out stays; the attempts' own logs say nothing that the audit does not.
admin.site.unregister(AccessFailureLog)
admin.site.unregister(AccessLog)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
    list_display = ("username", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("Rights"), {"fields": ("role", "is_active", "is_staff", "is_superuser")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "role", "password1", "password2")}),)


@admin.register(models.Source)
class SourceAdmin(ModelAdmin):
    list_display = ("name", "language", "created_at")
    search_fields = ("name",)


@admin.register(models.Category)
class CategoryAdmin(ModelAdmin):
    list_display = ("path",)
    search_fields = ("path",)
    readonly_fields = ("path", "parent", "name")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(models.SKU)
class SkuAdmin(ModelAdmin):
    """A listing is what its shop says: only its language can be corrected."""

    list_display = ("title", "source", "external_id", "language", "category")
    list_filter = ("source", "language")
    list_select_related = ("source", "category")
    search_fields = ("external_id", "title")
    show_full_result_count = False
    fields = (
        "title",
        "language",
        "language_origin",
        "source",
        "external_id",
        "description",
        "attributes",
        "gtin",
        "url",
        "category",
        "delisted_at",
    )
    readonly_fields = tuple(name for name in fields if name != "language")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if "language" in form.changed_data:
            correct_language(sku=models.SKU.objects.get(pk=obj.pk), language=obj.language, user=request.user)  # type: ignore[arg-type]
            messages.info(request, _("The language was corrected; its candidates are scored anew where the instruction names it."))


@admin.register(models.ApiToken)
class ApiTokenAdmin(ModelAdmin):
    """Tokens are made by `manage.py create_token`, which shows one once; here they are seen and taken back."""

    list_display = ("name", "user", "scope", "created", "expiry", "last_used_at")
    readonly_fields = ("name", "user", "scope", "created", "expiry", "last_used_at", "token_key")
    exclude = ("digest",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


class ReadOnlyAdmin(ModelAdmin):
    """Looked at, never changed."""

    actions = None
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


READ_ONLY: dict[type[Any], dict[str, Any]] = {
    models.Decision: {
        "list_display": ("id", "pair", "verdict", "by", "score", "created_at"),
        "list_filter": ("verdict", "by"),
        "list_select_related": ("pair__left", "pair__right"),
    },
    models.AuditEvent: {"list_display": ("id", "action", "subject", "created_at")},
    models.Score: {"list_display": ("id", "probability", "logit", "model", "created_at"), "list_select_related": ("model",)},
    models.Pair: {
        "list_display": ("id", "left", "right", "route", "in_review"),
        "list_filter": ("route", "in_review"),
        "list_select_related": ("left", "right"),
    },
    models.CandidateSet: {
        "list_display": ("id", "query", "status", "attempts", "error"),
        "list_filter": ("status",),
        "list_select_related": ("query",),
    },
    models.PolicyVersion: {
        "list_display": ("category", "number", "accept_at", "review_at", "created_at"),
        "list_select_related": ("category",),
    },
    models.Group: {"list_display": ("__str__", "uuid", "size", "changed_at")},
    models.Candidate: {"list_display": ("id", "set", "sku", "rank", "score"), "list_select_related": ("set__query", "sku", "score")},
    models.SearchText: {"list_display": ("sku", "tokens"), "list_select_related": ("sku",)},
    models.BrandName: {"list_display": ("name",)},
    models.ScoringModel: {"list_display": ("name", "revision", "dtype", "prompt_format", "max_length", "is_demo")},
    models.CandidateRun: {"list_display": ("created_at", "status", "k", "skus", "skus_done", "sets_changed", "author", "finished_at")},
    models.EvaluationRun: {"list_display": ("name", "status", "sets", "sets_done", "author", "created_at", "finished_at")},
    models.RerankRequest: {"list_display": ("id", "status", "query", "model", "created_at", "finished_at", "error")},
    models.Worker: {"list_display": ("name", "device", "sets_in_hand", "pairs_scored", "seen_at", "error")},
    models.PolicyRollout: {
        "list_display": ("policy", "sets", "sets_done", "rerouted", "rescored", "finished_at"),
        "list_select_related": ("policy__category",),
    },
    models.Actor: {"list_display": ("uuid", "user"), "list_select_related": ("user",)},
    models.Note: {"list_display": ("decision", "__str__"), "list_select_related": ("decision",)},
    models.Membership: {"list_display": ("sku", "group", "home"), "list_select_related": ("sku", "group", "home")},
    models.GroupChange: {"list_display": ("decision", "group", "kind", "into"), "list_select_related": ("decision", "group", "into")},
    models.Conflict: {"list_display": ("pair", "decision"), "list_select_related": ("pair__left", "pair__right", "decision")},
    models.TextVersion: {"list_display": ("sku", "title", "replaced_at"), "list_select_related": ("sku",)},
    models.Upload: {"list_display": ("file_name", "source_name", "author", "created_at")},
    models.ExportRun: {"list_display": ("created_at", "format", "status", "groups", "size", "author", "expires_at")},
    models.CategoryAlias: {"list_display": ("path", "category"), "list_select_related": ("category",)},
    models.ScoringRun: {"list_display": ("created_at", "kind", "status", "sets", "sets_done", "sets_failed", "author", "finished_at")},
    models.CategoryChange: {"list_display": ("created_at", "kind", "before", "after", "status", "author")},
    models.RunEvent: {"list_display": ("at", "run", "what", "author")},
    models.Invitation: {"list_display": ("name", "role", "author", "expires_at", "accepted_at"), "exclude": ("secret_hash",)},
    models.RowError: {"list_display": ("run", "line", "column", "reason"), "list_select_related": ("run__source",)},
    models.ImportRun: {"list_display": ("file_name", "source", "status", "rows_read", "error_count"), "list_select_related": ("source",)},
}
for model, options in READ_ONLY.items():
    admin.site.register(model, type(f"{model.__name__}Admin", (ReadOnlyAdmin,), options))

SECTIONS: tuple[tuple[Any, tuple[type[Any], ...]], ...] = (
    (
        _("Catalogue"),
        (
            models.SKU,
            models.Source,
            models.Category,
            models.TextVersion,
            models.SearchText,
            models.BrandName,
            models.Upload,
            models.ImportRun,
            models.RowError,
            models.CategoryAlias,
            models.CategoryChange,
            models.ExportRun,
            models.RunEvent,
        ),
    ),
    (
        _("Scoring"),
        (
            models.CandidateRun,
            models.ScoringRun,
            models.CandidateSet,
            models.Candidate,
            models.Score,
            models.ScoringModel,
            models.RerankRequest,
            models.EvaluationRun,
            models.Worker,
        ),
    ),
    (_("Decisions"), (models.Decision, models.Pair, models.Conflict, models.Note)),
    (_("Groups"), (models.Group, models.Membership, models.GroupChange)),
    (_("Policies"), (models.PolicyVersion, models.PolicyRollout)),
    (_("People"), (User, models.Invitation, models.ApiToken, models.Actor, models.AuditEvent, AccessAttempt)),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The site's menu, by subject."""
    return [
        {
            "title": title,
            "collapsible": True,
            "items": [
                {
                    "title": _("Failed sign-ins") if model is AccessAttempt else capfirst(model._meta.verbose_name_plural),
                    "link": reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"),
                }
                for model in section
            ],
        }
        for title, section in SECTIONS
    ]
