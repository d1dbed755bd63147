"""Writes to the catalogue that are not a file: categories, inline listings, corrected languages."""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.utils import timezone

from alignment import logbook, scoring, wake_ups
from alignment.models import SKU, Actor, AuditEvent, Candidate, Category, CategoryAlias, User

LONGEST_PATH = 1000
# PostgreSQL's index takes no more than 2,704 bytes.
LONGEST_PATH_BYTES = 2600
LONGEST_NAME = 200


class CategoryError(ValueError):
    """A category path that cannot be used; the text says why."""


def split_path(path: str) -> list[str]:
    return [part.strip() for part in path.split(Category.SEPARATOR.strip()) if part.strip()]


def join_path(parent: str, name: str) -> str:
    return f"{parent}{Category.SEPARATOR}{name}" if parent else name


def too_long(path: str) -> bool:
    return len(path) > LONGEST_PATH or len(path.encode()) > LONGEST_PATH_BYTES


def ancestors(path: str) -> list[str]:
    """The paths of a category and of all above it, the root's first."""
    names = split_path(path)
    return [Category.SEPARATOR.join(names[:depth]) for depth in range(len(names) + 1)]


def under(path: str, *, field: str = "category__path") -> Q:
    """Rows of a category and of all below it, by the category's path."""
    return Q(**{field: path}) | Q(**{f"{field}__startswith": f"{path}{Category.SEPARATOR}"})


def meant(path: str) -> list[int]:
    """The ids of the categories that a path means: the one there, or that was there before, and all below it; where none is, all that
    hold those words."""
    whole = Category.SEPARATOR.join(split_path(path))
    inside, holding = under(whole, field="path"), Q(path__icontains=path)
    if not whole:
        return list(Category.objects.filter(holding).values_list("pk", flat=True))
    either = Category.objects.filter(inside | holding).annotate(is_inside=ExpressionWrapper(inside, BooleanField()))
    found = list(either.values_list("pk", "is_inside"))
    if there := [pk for pk, is_inside in found if is_inside]:
        return there
    moved = CategoryAlias.objects.filter(path=whole).values_list("category__path", flat=True).first()
    return meant(moved) if moved else [pk for pk, _is_inside in found]


def languages() -> list[str]:
    """Every language that a SKU is in: one step of an index a language, however many SKUs there are."""
    step = "SELECT min(language) FROM alignment_sku"
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE found(language) AS ({step} UNION ALL SELECT ({step} WHERE language > found.language) FROM found "  # noqa: S608
            "WHERE found.language IS NOT NULL) SELECT language FROM found WHERE language <> ''"
        )
        return [row[0] for row in cursor.fetchall()]


def get_category(path: str, *, create: bool = False) -> Category | None:
    """The category at a path such as "Baby > Strollers", or that was there before; made with its ancestors when asked.

    Raises CategoryError.
    """
    names = split_path(path)
    if not names:
        return None
    whole = Category.SEPARATOR.join(names)
    if too_long(whole) or any(len(name) > LONGEST_NAME for name in names):
        raise CategoryError(
            f"the category path is longer than {LONGEST_PATH} characters or {LONGEST_PATH_BYTES} bytes, or one of its names than 200"
        )
    found = _at(whole)
    if found or not create:
        return found
    with transaction.atomic():
        # The tree is changed under this lock alone: a parent keeps its path until its new child is in.
        logbook.lock()
        current = Category.objects.get(path="")
        for name in names:
            path = join_path(current.path, name)
            current = _at(path) or Category.objects.create(path=path, name=name, parent=current)
    return current


def _at(path: str) -> Category | None:
    found = Category.objects.filter(path=path).first()
    if found is None:
        alias = CategoryAlias.objects.select_related("category").filter(path=path).first()
        found = alias.category if alias else None
    return found


def correct_language(*, sku: SKU, language: str, user: User) -> None:
    """A person says what language a listing is in. No import overwrites it."""
    with transaction.atomic():
        AuditEvent.objects.create(
            actor=Actor.of(user).uuid, action="correct language", subject=str(sku.uuid), detail={"from": sku.language, "to": language}
        )
        SKU.objects.filter(pk=sku.pk).update(language=language, language_origin=SKU.LanguageOrigin.CORRECTED, updated_at=timezone.now())
        # The language may stand in the instruction, and says how the numbers on either side of a pair are read.
        scoring.set_waiting(Q(query=sku) | Q(pk__in=Candidate.objects.filter(sku=sku).values("set")))
        wake_ups.wake()
