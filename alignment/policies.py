"""Policy versions: publish, inherit, roll back. Nothing here edits a version: a change is a new one."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from django.db import transaction
from django.db.models import Max, Q
from django.utils.translation import gettext as _

from alignment import logbook, runs, wake_ups
from alignment.models import SKU, Actor, AuditEvent, CandidateSet, Category, CategoryChange, PolicyRollout, PolicyVersion, User

TEMPLATE_FIELDS = ("category", "language", "source")
LONGEST_INSTRUCTION = 4000
MOST_DUE_HOURS = 24 * 365


class Rules(TypedDict, total=False):
    """How people review what is borderline. What is left out stays as it is in force."""

    guards: Sequence[str]
    blind: bool
    reasons: str
    order: str
    priority: int
    due_hours: int | None
    second_share: float
    second_unsure: bool
    check_share: float


RULES = tuple(Rules.__annotations__)
FIELDS = ("instruction", "accept_at", "review_at", *RULES)


@dataclass
class PolicyError(Exception):
    """A version that cannot be published: the field at fault ("" where it is none) and what would be right."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class Superseded(PolicyError):
    """Another version than somebody looked at is in force: `version`."""

    def __init__(self, version: PolicyVersion) -> None:
        said = _("Since you looked, version %(number)s of %(category)s came into force, so nothing was published.")
        super().__init__("", said % {"number": version.number, "category": version.category})
        self.version = version


class Policies:
    """A snapshot of the published versions, for work on many SKUs: two queries, then none.

    `until` is the id of a version: what was in force when it had just been published.
    """

    def __init__(self, *, until: int | None = None) -> None:
        self.parents = self._tree()
        self.root = next(category for category, parent in self.parents.items() if parent is None)
        published = PolicyVersion.objects.all() if until is None else PolicyVersion.objects.filter(pk__lte=until)
        newest = published.order_by().values("category").annotate(newest=Max("pk")).values("newest")
        versions = PolicyVersion.objects.select_related("category", "restores").filter(pk__in=newest)
        self.own = {version.category_id: version for version in versions if not version.inherits}

    @staticmethod
    def _tree() -> dict[int, int | None]:
        return dict(Category.objects.values_list("id", "parent_id"))

    def of(self, category_id: int | None) -> PolicyVersion:
        """The version in force for a category: its own, else its nearest ancestor's. No category has the root's."""
        current: int | None = category_id if category_id is not None else self.root
        if current not in self.parents:
            # Made since: it has no version yet.
            self.parents = self._tree()
        while current is not None:
            if current in self.own:
                return self.own[current]
            current = self.parents.get(current)
        raise LookupError("the root category has no policy: run manage.py migrate")

    def governed(self, category_id: int) -> set[int]:
        """The categories in which a version published for this one is in force: itself, and whoever inherits through it."""
        return {category for category in self.parents if self._inherits_through(category, category_id)}

    def _inherits_through(self, category_id: int, ancestor_id: int) -> bool:
        current: int | None = category_id
        while current is not None and current != ancestor_id:
            if current in self.own:
                return False
            current = self.parents.get(current)
        return current == ancestor_id


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


def check_rules(rules: Rules) -> None:
    """Raises PolicyError for what a version cannot say about reviewing."""
    if unknown := [kind for kind in rules.get("guards", ()) if kind not in PolicyVersion.Guard.values]:
        raise PolicyError("guards", _("%(kinds)s is no kind of fact that can guard.") % {"kinds": ", ".join(map(str, unknown))})
    for field, choices in (("reasons", PolicyVersion.Reasons), ("order", PolicyVersion.Order), ("priority", PolicyVersion.Priority)):
        if field in rules and rules[field] not in choices.values:  # type: ignore[literal-required]
            raise PolicyError(field, _("Choose one of these: %(choices)s.") % {"choices": ", ".join(map(str, choices.labels))})
    hours = rules.get("due_hours")
    if hours is not None and not 1 <= hours <= MOST_DUE_HOURS:
        raise PolicyError("due_hours", _("Give from 1 to %(most)s hours, or none.") % {"most": MOST_DUE_HOURS})
    for field in ("second_share", "check_share"):
        share = rules.get(field, 0.0)
        if not isinstance(share, int | float) or not math.isfinite(share) or not 0 <= share <= 1:
            raise PolicyError(field, _("A share is from none to all of the cases: 0 to 100 %."))


def sets_of(categories: set[int], *, with_none: bool) -> Q:
    """Candidate sets whose query SKUs are in these categories, and with `with_none` in none."""
    within = Q(category__in=categories) | Q(category__isnull=True, query__category__in=categories)
    return within | Q(category__isnull=True, query__category__isnull=True) if with_none else within


def values_of(version: PolicyVersion) -> dict[str, Any]:
    """What a version says, by field."""
    return {field: getattr(version, field) for field in FIELDS}


def changed(old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[Any]]:
    """The fields in which two versions' values differ: what was, and what is."""
    return {field: [old[field], new[field]] for field in FIELDS if old[field] != new[field]}


def publish(
    *,
    category: Category,
    instruction: str,
    accept_at: float,
    review_at: float,
    author: User | None,
    note: str = "",
    restores: PolicyVersion | None = None,
    seen: int | None = None,
    **rules: Unpack[Rules],
) -> PolicyVersion:
    """Publish the next version of a category's policy and start its rollout. Raises PolicyError, also where nothing would change.

    `seen` is the id of the version that its author took to be in force: raises Superseded where another is.
    """
    instruction = instruction.strip()
    check_instruction(instruction)
    check_thresholds(accept_at, review_at)
    check_rules(rules)
    with transaction.atomic():
        logbook.lock()
        category = _again(category)
        previous = Policies().of(category.pk)
        values = values_of(previous) | {"instruction": instruction, "accept_at": accept_at, "review_at": review_at} | dict(rules)
        values["guards"] = [kind for kind in PolicyVersion.Guard.values if kind in values["guards"]]
        if not changed(values_of(previous), values):
            raise PolicyError("", _("Nothing is changed: this is what is in force."))
        _refuse_unseen(previous, seen)
        return _append(category=category, values=values, previous=previous, author=author, note=note, restores=restores)


def roll_back(*, version: PolicyVersion, author: User | None, note: str = "", seen: int | None = None) -> PolicyVersion:
    """Publish an older version again, under a new number. Raises as `publish` does, PolicyError where that is what is in force."""
    return publish(category=version.category, author=author, note=note, restores=version, seen=seen, **values_of(version))


def inherit(*, category: Category, author: User | None, note: str = "", seen: int | None = None) -> PolicyVersion:
    """End a category's own policy: what its parent has is in force again, and follows it from now on. Raises as `publish` does."""
    with transaction.atomic():
        logbook.lock()
        category = _again(category)
        snapshot = Policies()
        previous = snapshot.own.get(category.pk)
        if previous is None:
            raise PolicyError("", _("This category has no policy of its own to end."))
        if category.parent_id is None:
            raise PolicyError("", _("All categories inherit from this one: it keeps a policy of its own."))
        _refuse_unseen(previous, seen)
        followed = snapshot.of(category.parent_id)
        return _append(category=category, values=values_of(followed), previous=previous, author=author, note=note, restores=followed)


def _again(category: Category) -> Category:
    """The category as it is under the lock. Raises PolicyError where it is gone, or goes: a merge could not delete what has versions."""
    held = Category.objects.filter(pk=category.pk).first()
    if held is None:
        raise PolicyError("", _("There is no category “%(path)s”.") % {"path": category.path})
    merge = runs.unfinished(CategoryChange).filter(kind=CategoryChange.Kind.MERGE, category=held).first()
    if merge is not None:
        raise PolicyError("", _("It is being merged into %(path)s, whose policy holds from now on.") % {"path": merge.after})
    return held


def _refuse_unseen(in_force: PolicyVersion, seen: int | None) -> None:
    if seen not in (None, in_force.pk):
        raise Superseded(in_force)


def _append(
    *,
    category: Category,
    values: dict[str, Any],
    previous: PolicyVersion,
    author: User | None,
    note: str,
    restores: PolicyVersion | None,
) -> PolicyVersion:
    newest = PolicyVersion.objects.filter(category=category).aggregate(newest=Max("number"))["newest"] or 0
    actor = Actor.of(author).uuid if author else None
    version = PolicyVersion.objects.create(category=category, number=newest + 1, author=actor, note=note[:500], restores=restores, **values)
    final = CandidateSet.objects.aggregate(final=Max("id"))["final"] or 0
    PolicyRollout.objects.create(policy=version, previous=previous, final_set_id=final)
    detail: dict[str, Any] = {"category": category.path, "category_id": category.pk, "version": version.number}
    detail["changed"] = changed(values_of(previous), values)
    if restores is not None:
        detail |= {"restores": str(restores), "inherits": version.inherits}
    AuditEvent.objects.create(actor=actor, action="publish policy", subject=str(version)[:200], detail=detail)
    wake_ups.wake(wake_ups.ROLL_OUT)
    return version
