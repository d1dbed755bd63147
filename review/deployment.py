"""How this deployment is set up, as far as an admin needs to know it and may see it: no secret is in it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlparse

from django.conf import settings
from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


@dataclass(frozen=True)
class Setting:
    """One setting: what it is, what it is now, and the environment variable that changes it."""

    name: str | Promise
    value: str
    variable: str


def shown() -> list[tuple[str | Promise, list[Setting]]]:
    """The settings that matter, by what they are about."""
    return [
        (gettext_lazy("Model"), _model()),
        (gettext_lazy("Stores"), _stores()),
        (gettext_lazy("Review"), _review()),
        (gettext_lazy("Server"), _server()),
    ]


def address(url: str) -> str:
    """A URL without the user, the password and the query that it may hold."""
    parts = urlparse(url)
    if not parts.hostname:
        return f"{parts.scheme}:{parts.path}"
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def _model() -> list[Setting]:
    found = [Setting(gettext_lazy("Model, its name or folder"), str(settings.RERANKER_MODEL), "RERANKER_MODEL")]
    if settings.RERANKER_URL:
        found.append(Setting(gettext_lazy("Rerank server"), f"{address(settings.RERANKER_URL)} ({settings.RERANKER_API})", "RERANKER_URL"))
    else:
        found += [
            Setting(gettext_lazy("Device"), settings.RERANKER_DEVICE, "RERANKER_DEVICE"),
            Setting(gettext_lazy("Number format"), settings.RERANKER_DTYPE, "RERANKER_DTYPE"),
            Setting(gettext_lazy("Longest prompt, in tokens"), str(settings.RERANKER_MAX_LENGTH), "RERANKER_MAX_LENGTH"),
        ]
    encoder = settings.RETRIEVAL_ENCODER
    return [*found, Setting(gettext_lazy("Encoder that proposes candidates"), str(encoder), "RETRIEVAL_ENCODER")]


def _stores() -> list[Setting]:
    database = connection.settings_dict
    place = ":".join(str(part) for part in (database["HOST"], database["PORT"]) if part)
    where = f"{connection.display_name}, {place + '/' if place else ''}{database['NAME']}"
    broker = _("private, started with the server") if settings.PRIVATE_REDIS else address(settings.REDIS_URL)
    return [
        Setting(gettext_lazy("Database"), where, "DATABASE_URL"),
        Setting(gettext_lazy("Redis"), broker, "REDIS_URL"),
        Setting(gettext_lazy("Folder of files"), str(settings.VAR_DIR), "VAR_DIR"),
    ]


def _review() -> list[Setting]:
    return [
        Setting(
            gettext_lazy("A case is kept for a page that does not respond, in seconds"),
            str(settings.REVIEW_LEASE_SECONDS),
            "REVIEW_LEASE_SECONDS",
        ),
        Setting(gettext_lazy("People unsure of a pair before an admin gets it"), str(settings.UNSURE_LIMIT), "UNSURE_LIMIT"),
        Setting(gettext_lazy("Candidates proposed for each listing"), str(settings.CANDIDATES_PER_QUERY), "CANDIDATES_PER_QUERY"),
    ]


def _server() -> list[Setting]:
    return [
        Setting(gettext_lazy("Host names"), ", ".join(settings.ALLOWED_HOSTS), "ALLOWED_HOSTS"),
        Setting(gettext_lazy("HTTPS only"), _("yes") if settings.HTTPS else _("no"), "HTTPS"),
        Setting(gettext_lazy("Largest upload, in MB"), str(settings.UPLOAD_LIMIT_MB), "UPLOAD_LIMIT_MB"),
        Setting(gettext_lazy("Time zone"), settings.TIME_ZONE, "TIME_ZONE"),
    ]
