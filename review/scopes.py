"""Which part of the queues one person works on: the languages and categories they review in, narrowed further where they asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from django.db import transaction
from django.db.models import Q, QuerySet

from alignment.catalogue import get_category, meant, under
from alignment.models import Category, User
from alignment.open_pairs import FOR_ADMINS
from review import insights, lists

ESCALATED = "escalated"


@dataclass(frozen=True)
class WorkOn:
    """What a person asked for besides: one category with all below it, one pair of languages. Neither is everything that is theirs."""

    category: Category | None = None
    languages: str = ""

    def __str__(self) -> str:
        names = insights.language_names(self.languages) if self.languages else ""
        return ", ".join(part for part in (self.category.path if self.category else "", names) if part)

    def __bool__(self) -> bool:
        return self.category is not None or bool(self.languages)


@dataclass(frozen=True)
class Scope:
    """The languages, categories and stages whose pairs one person may be given. None stands for all."""

    languages: frozenset[str] | None = None
    subtrees: Q | None = None
    stages: frozenset[str] | None = None

    @property
    def everything(self) -> bool:
        return self.languages is None and self.subtrees is None and self.stages is None

    def categories(self) -> QuerySet[Category]:
        return Category.objects.filter(self.subtrees) if self.subtrees is not None else Category.objects.all()

    def of_languages(self) -> Q:
        return Q() if self.languages is None else Q(languages__in=sorted(self.languages))

    def fitting(self) -> Q:
        """Rows with a category, a pair of languages and a stage, open pairs or counts of them, that fit."""
        fitting = self.of_languages() if self.subtrees is None else self.of_languages() & Q(category__in=self.categories().values("pk"))
        return fitting if self.stages is None else fitting & Q(stage__in=sorted(self.stages))


def of(user: User, *, narrowed: bool = True) -> Scope:
    """What fits a person: both languages of a pair are theirs, where they are known, and its category is in one of their subtrees."""
    languages = pairs_of_languages(user.languages)
    paths = user.category_paths
    subtrees = None if not paths or "" in paths else _any_under(paths)
    chosen = work_on(user) if narrowed else WorkOn()
    if chosen.languages:
        languages = frozenset({chosen.languages}) if languages is None else languages & {chosen.languages}
    if chosen.category is not None:
        subtrees = under(chosen.category.path, field="path") if subtrees is None else subtrees & under(chosen.category.path, field="path")
    return Scope(languages, subtrees)


def of_escalated(user: User) -> Scope:
    """What an admin filtered the escalated pairs by, as the list of them remembers it."""
    asked = asked_of_escalated(user)
    languages, category, why = asked.get("languages"), asked.get("category"), asked.get("why")
    return Scope(
        frozenset({languages}) if languages else None,
        Q(pk__in=meant(category)) if category else None,
        frozenset({why}) if why in FOR_ADMINS else None,
    )


def asked_of_escalated(user: User) -> dict[str, str]:
    return dict(parse_qsl(lists.remembered(user, ESCALATED)))


def pairs_of_languages(languages: Any) -> frozenset[str] | None:
    """Every pair of these languages as a Pair writes it; an unknown language goes with each. None for no restriction."""
    known = sorted({language for language in languages if isinstance(language, str)}) if isinstance(languages, list) else []
    if not known:
        return None
    return frozenset("|".join(sorted((one, other))) for one in ["", *known] for other in ["", *known])


def work_on(user: User) -> WorkOn:
    """What the person last narrowed their work to. A category that is gone narrows nothing."""
    stored = user.preferences.get("work_on") if isinstance(user.preferences, dict) else None
    if not isinstance(stored, dict):
        return WorkOn()
    path, languages = stored.get("category"), stored.get("languages")
    category = _category(user, path) if isinstance(path, str) and path else None
    return WorkOn(category, languages if isinstance(languages, str) else "")


def _category(user: User, path: str) -> Category | None:
    """Read once for a user object, which a request has one of."""
    read: dict[str, Category | None] = user.__dict__.setdefault("_categories_worked_on", {})
    if path not in read:
        read[path] = get_category(path)
    return read[path]


def narrow(*, user: User, category: Category | None, languages: str) -> None:
    """Work on a part of what is theirs until they say otherwise. Neither a category nor languages: everything again."""
    wanted = {"category": category.path if category else "", "languages": languages}
    with transaction.atomic():
        held = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        preferences = held.preferences if isinstance(held.preferences, dict) else {}
        kept = {name: value for name, value in preferences.items() if name != "work_on"}
        user.preferences = kept | ({"work_on": wanted} if any(wanted.values()) else {})
        User.objects.filter(pk=user.pk).update(preferences=user.preferences)


def _any_under(paths: list[str]) -> Q:
    subtrees = under(paths[0], field="path")
    for path in paths[1:]:
        subtrees |= under(path, field="path")
    return subtrees
