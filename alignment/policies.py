"""Policy versions: publish, inherit, roll back. Nothing here edits a version: a change is a new one."""

from __future__ import annotations

import math
import string
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from alignment import logbook
from alignment.models import SKU, Actor, AuditEvent, CandidateSet, Category, PolicyRollout, PolicyVersion, User

TEMPLATE_FIELDS = ("category", "language", "source")
LONGEST_INSTRUCTION = 4000


@dataclass
class PolicyError(Exception):
    """A version that cannot be published: the field at fault and what would be right."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class Policies:
    """A snapshot of the published versions, for work on many SKUs: two queries, then none."""

    def __init__(self) -> None:
        self.parents: dict[int, int | None] = dict(Category.objects.values_list("id", "parent_id"))
        self.root = next(category for category, parent in self.parents.items() if parent is None)
        newest = PolicyVersion.objects.values("category").annotate(newest=Max("number")).values_list("category", "newest")
        versions = PolicyVersion.objects.select_related("category").filter(number__in={number for _category, number in newest})
        wanted = set(newest)
        self.own = {version.category_id: version for version in versions if (version.category_id, version.number) in wanted}

    def of(self, category_id: int | None) -> PolicyVersion:
        """The version in force for a category: its own, else its nearest ancestor's. No category has the root's."""
        current: int | None = category_id if category_id is not None else self.root
        while current is not None:
            if current in self.own:
                return self.own[current]
            current = self.parents.get(current)
        raise LookupError("the root category has no policy: run manage.py migrate")

    def categories_under(self, version: PolicyVersion) -> set[int]:
        """The categories in which this version is in force."""
        return {category for category in self.parents if self.of(category).pk == version.pk}


def published(category: Category | None) -> PolicyVersion:
    """The version in force for a category. See `Policies` for many at once."""
    return Policies().of(category.pk if category else None)


def check_instruction(instruction: str) -> None:
    """Raises PolicyError when a template is empty, too long, or names a field that a query SKU does not have."""
    if not instruction.strip():
        raise PolicyError("instruction", _("Write an instruction: the model is asked nothing without one."))
    if len(instruction) > LONGEST_INSTRUCTION:
        raise PolicyError("instruction", _("The instruction is longer than %(limit)s characters.") % {"limit": LONGEST_INSTRUCTION})
    try:
        parts = list(string.Formatter().parse(instruction))
    except ValueError:
        raise PolicyError("instruction", _("A brace is not closed. Write {{ and }} for braces that are text.")) from None
    for _text, field, spec, conversion in parts:
        if field is not None and (field not in TEMPLATE_FIELDS or spec or conversion):
            known = ", ".join(f"{{{name}}}" for name in TEMPLATE_FIELDS)
            raise PolicyError("instruction", _("{%(field)s} is not known here; use %(known)s.") % {"field": field, "known": known})


def check_thresholds(accept_at: float, review_at: float) -> None:
    for field, value in (("accept_at", accept_at), ("review_at", review_at)):
        if not math.isfinite(value) or not 0 <= value <= 1:
            raise PolicyError(field, _("A threshold is a probability from 0 to 1."))
    if review_at > accept_at:
        raise PolicyError("review_at", _("The review threshold cannot be above the accept threshold."))


def render_instruction(policy: PolicyVersion, *, category: Category | None, query: SKU) -> str:
    """The instruction for one query SKU: it depends on the category and the query alone, so a set shares it."""
    return fill_in(policy.instruction, category=category, language=query.language, source=query.source.name)


def fill_in(instruction: str, *, category: Category | None, language: str, source: str) -> str:
    """An instruction template's fields, replaced."""
    return instruction.format(category=category.path if category else "", language=language, source=source)


def publish(
    *,
    category: Category,
    instruction: str,
    accept_at: float,
    review_at: float,
    author: User | None,
    note: str = "",
    restores: PolicyVersion | None = None,
) -> PolicyVersion:
    """Publish the next version of a category's policy and start its rollout. Raises PolicyError."""
    instruction = instruction.strip()
    check_instruction(instruction)
    check_thresholds(accept_at, review_at)
    with transaction.atomic():
        logbook.lock()
        previous = Policies().of(category.pk)
        newest = PolicyVersion.objects.filter(category=category).aggregate(newest=Max("number"))["newest"] or 0
        actor = Actor.of(author).uuid if author else None
        version = PolicyVersion.objects.create(
            category=category,
            number=newest + 1,
            instruction=instruction,
            accept_at=accept_at,
            review_at=review_at,
            author=actor,
            note=note[:500],
            restores=restores,
        )
        final = CandidateSet.objects.aggregate(final=Max("id"))["final"] or 0
        PolicyRollout.objects.create(policy=version, previous=previous, final_set_id=final)
        AuditEvent.objects.create(actor=actor, action="publish policy", subject=str(version), detail={"version": version.number})
        from alignment import scoring

        scoring.wake(scoring.ROLL_OUT)
    return version


def roll_back(*, version: PolicyVersion, author: User | None, note: str = "") -> PolicyVersion:
    """Publish an older version again, under a new number."""
    return publish(
        category=version.category,
        instruction=version.instruction,
        accept_at=version.accept_at,
        review_at=version.review_at,
        author=author,
        note=note,
        restores=version,
    )
