"""Changes of the category tree: add, rename, move, merge, delete. Paths change at once; what follows for scores and routes is a run, which
`category_changes` works through.

A category keeps its policy versions wherever it goes. One that has versions of its own is never merged away or deleted: they are immutable,
and decisions rest on them. Feeds that still name an old path find the category by its alias.
"""

from __future__ import annotations

import string
from collections import defaultdict
from collections.abc import Collection, Iterable
from copy import copy
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _

from alignment import category_changes, logbook, policies, rollout, runs
from alignment.catalogue import LONGEST_NAME, LONGEST_PATH, LONGEST_PATH_BYTES, CategoryError, join_path, too_long
from alignment.models import (
    SKU,
    Actor,
    AuditEvent,
    CandidateRun,
    CandidateSet,
    Category,
    CategoryAlias,
    CategoryChange,
    Invitation,
    Pair,
    PolicyVersion,
    User,
)
from alignment.policies import Policies

# More than this is left to a worker; less is done while the page waits.
SETS_DONE_AT_ONCE = 100
SKUS_DONE_AT_ONCE = 1000
COUNTED = 10_000
Kind = CategoryChange.Kind


@dataclass
class Plan:
    """What a change does, before it is done: new paths and parents by category id, and where scores or routes are no longer right."""

    kind: Kind
    category: Category
    into: Category | None
    before: str
    after: str
    paths: dict[int, str] = field(default_factory=dict)
    name: str = ""
    rescore: list[int] = field(default_factory=list)
    reroute: list[int] = field(default_factory=list)

    def pairs(self, categories: Iterable[int]) -> int:
        """How many pairs lie in categories, counted to 10,001."""
        return Pair.objects.filter(category__in=list(categories)).order_by()[: COUNTED + 1].count()

    @property
    def rescored_pairs(self) -> int:
        return self.pairs(self.rescore) if self.rescore else 0

    @property
    def rerouted_pairs(self) -> int:
        return self.pairs(self.reroute) if self.reroute else 0

    @property
    def skus(self) -> int:
        """How many SKUs the category and all below it hold, counted to 10,001."""
        return SKU.objects.filter(category__in=[*self.paths, self.category.pk]).order_by()[: COUNTED + 1].count()


def add(*, parent: Category, name: str, user: User) -> Category:
    """A new category below another. Raises CategoryError."""
    name = _clean(name)
    with transaction.atomic():
        logbook.lock()
        parent = _held(parent)
        path = join_path(parent.path, name)
        _check(path)
        if Category.objects.filter(path=path).exists():
            raise CategoryError(_("%(path)s is there already.") % {"path": path})
        made = Category.objects.create(parent=parent, name=name, path=path)
        CategoryAlias.objects.filter(path=path).delete()
        _audit("add category", path, user)
    return made


def delete(*, category: Category, user: User) -> None:
    """Remove a category that nothing is in and nothing refers to, no unfinished change either. Raises CategoryError."""
    with transaction.atomic():
        logbook.lock()
        category = _held(category)
        _refuse_root(category)
        _refuse_unfinished(runs.unfinished(CategoryChange).filter(Q(category=category) | Q(into=category)))
        if Category.objects.filter(parent=category).exists():
            raise CategoryError(_("It has categories below it: move or delete those first."))
        if SKU.objects.filter(category=category).exists():
            raise CategoryError(_("It holds listings: merge it into another category instead."))
        _refuse_history(category)
        limited = User.objects.filter(categories=category).first() or Invitation.objects.filter(categories=category).first()
        if limited is not None:
            raise CategoryError(_("%(name)s is limited to this category: change that first.") % {"name": limited})
        refers: tuple[type[Model], ...] = (CandidateSet, Pair, CandidateRun)
        if any(model._default_manager.filter(category=category).exists() for model in refers):
            raise CategoryError(_("Candidate sets or pairs still refer to it: merge it into another category instead."))
        category.delete()
        _audit("delete category", category.path, user)


def _held(category: Category, *, at: Collection[str] = ()) -> Category:
    """The category as it is under the lock. Raises CategoryError where it is gone, or at none of the paths that it may be at."""
    held = Category.objects.filter(pk=category.pk).first()
    if held is None or (at and held.path not in at):
        raise CategoryError(_("The tree has changed meanwhile; look at it again."))
    return held


def plan_rename(category: Category, name: str) -> Plan:
    """Raises CategoryError, SameName where a sibling has the name already."""
    name = _clean(name)
    _refuse_root(category)
    assert category.parent is not None
    return _plan_place(Kind.RENAME, category, category.parent, name)


def plan_move(category: Category, parent: Category) -> Plan:
    """Raises CategoryError, SameName where the parent has a category of that name already."""
    _refuse_root(category)
    if parent.pk == category.parent_id:
        raise AlreadySo(_("It is there already."))
    if parent.pk == category.pk or parent.path.startswith(category.path + Category.SEPARATOR):
        raise CategoryError(_("A category cannot be moved below itself."))
    return _plan_place(Kind.MOVE, category, parent, category.name)


class AlreadySo(CategoryError):
    """What is asked for is done, as by the first of two presses."""


class SameName(CategoryError):
    """A category of that name stands there already; `other` is what one could merge into."""

    def __init__(self, other: Category) -> None:
        super().__init__(_("%(path)s is there already; the two can be merged.") % {"path": other.path})
        self.other = other


def _plan_place(kind: Kind, category: Category, parent: Category, name: str) -> Plan:
    path = join_path(parent.path, name)
    _check(path)
    other = Category.objects.filter(path=path).exclude(pk=category.pk).first()
    if other is not None:
        raise SameName(other)
    if path == category.path:
        raise AlreadySo(_("It already has this name."))
    plan = Plan(kind, category, parent if kind == Kind.MOVE else None, category.path, path, name=name)
    plan.paths = _moved_paths(category, path)
    _follow(plan, parents={category.pk: parent.pk})
    return plan


def plan_merge(category: Category, into: Category) -> Plan:
    """Everything in a category and below it goes to another. Raises CategoryError."""
    _refuse_root(category)
    if into.pk == category.pk:
        raise CategoryError(_("A category cannot be merged into itself."))
    if into.path.startswith(category.path + Category.SEPARATOR):
        raise CategoryError(_("A category cannot be merged into one below it."))
    if into.parent_id is None:
        raise CategoryError(_("Listings need a category with a name; choose another than all categories."))
    _refuse_history(category)
    paths = {pk: path for pk, path in _moved_paths(category, into.path).items() if pk != category.pk}
    names = {pk: path.removeprefix(into.path + Category.SEPARATOR) for pk, path in paths.items()}
    mine = {name: pk for pk, name in names.items() if Category.SEPARATOR not in name}
    both = Category.objects.filter(parent=into, name__in=mine).exclude(pk=category.pk).first()
    if both is not None:
        raise CategoryError(_("Both have a category %(name)s below them: merge those two first.") % {"name": both.name})
    plan = Plan(Kind.MERGE, category, into, category.path, into.path)
    plan.paths = paths
    _follow(plan, parents=dict.fromkeys(mine.values(), into.pk), merged=into)
    return plan


def _moved_paths(category: Category, path: str) -> dict[int, str]:
    """The new path of a category and of all below it. Raises CategoryError where one grows too long."""
    below = Category.objects.filter(path__startswith=category.path + Category.SEPARATOR).values_list("pk", "path")
    paths = {category.pk: path} | {pk: path + old[len(category.path) :] for pk, old in below}
    for new in paths.values():
        _check(new)
    return paths


def _follow(plan: Plan, *, parents: dict[int, int], merged: Category | None = None) -> None:
    """Find the categories in which another instruction or another policy holds afterwards."""
    before = Policies()
    after = copy(before)
    after.parents = {**before.parents, **parents}
    for pk in {plan.category.pk, *plan.paths}:
        old = before.of(pk)
        new = after.of(merged.pk if merged is not None and pk == plan.category.pk else pk)
        if old.instruction != new.instruction or _names_category(new):
            plan.rescore.append(pk)
        elif old.pk != new.pk:
            plan.reroute.append(pk)


def _names_category(policy: PolicyVersion) -> bool:
    return any(name == "category" for _text, name, _spec, _conversion in string.Formatter().parse(policy.instruction))


def apply(plan: Plan, *, user: User) -> CategoryChange:
    """Do what was planned: paths at once, in one transaction; then scores and routes, here where they are few, else by a worker.

    Raises CategoryError where the tree changed meanwhile, or another change or a policy is still being worked through; AlreadySo where it
    is done. One that is being worked through is the run of whoever asks for it again.
    """
    with transaction.atomic():
        logbook.lock()
        if same := runs.unfinished(CategoryChange).filter(kind=plan.kind, category=plan.category, after=plan.after).first():
            return same
        _refuse_unfinished(runs.unfinished(CategoryChange))
        if rollout.waiting():
            raise CategoryError(_("A policy is still being applied; wait until it is done."))
        plan = _again(plan)
        _store_paths(plan)
        sets = CandidateSet.objects.filter(policies.sets_of({*plan.rescore, *plan.reroute}, with_none=False))
        newest = sets.order_by("-pk").values_list("pk", flat=True).first()
        run = runs.start(
            CategoryChange(
                kind=plan.kind,
                before=plan.before,
                after=plan.after,
                category=plan.category,
                into=plan.into,
                rescore=plan.rescore,
                reroute=plan.reroute,
                final_set_id=newest or 0,
                author=user,
            )
        )
        _audit(f"{plan.kind.value} category", plan.before, user, to=plan.after)
        few = sets.order_by()[: SETS_DONE_AT_ONCE + 1].count() <= SETS_DONE_AT_ONCE and (
            plan.kind != Kind.MERGE or SKU.objects.filter(category=plan.category).count() <= SKUS_DONE_AT_ONCE
        )
    if few:
        category_changes.work(run.pk)
        run.refresh_from_db()
    return run


def _again(plan: Plan) -> Plan:
    """The plan made anew under the lock: the tree may have changed since it was shown."""
    category = _held(plan.category, at=(plan.before, plan.after))
    into = _held(plan.into, at=(plan.into.path,)) if plan.into else None
    if plan.kind == Kind.RENAME:
        return plan_rename(category, plan.name)
    assert into is not None
    return plan_move(category, into) if plan.kind == Kind.MOVE else plan_merge(category, into)


def _store_paths(plan: Plan) -> None:
    rows = {category.pk: category for category in Category.objects.filter(pk__in=plan.paths)}
    CategoryAlias.objects.filter(path__in=plan.paths.values()).delete()
    target = plan.into if plan.kind == Kind.MERGE else None
    gone = {plan.category.pk: plan.before} if target is not None else {}
    old = {category.path: category.pk for category in rows.values()} | {path: target.pk for path in gone.values() if target is not None}
    CategoryAlias.objects.bulk_create(
        [CategoryAlias(path=path, category_id=pk) for path, pk in old.items()],
        update_conflicts=True,
        unique_fields=["path"],
        update_fields=["category"],
        batch_size=category_changes.ROWS_AT_ONCE,
    )
    for category in rows.values():
        category.path = plan.paths[category.pk]
        if category.pk == plan.category.pk:
            category.name = plan.name
            category.parent = plan.into if plan.kind == Kind.MOVE else category.parent
        elif target is not None and category.parent_id == plan.category.pk:
            category.parent = target
    Category.objects.bulk_update(rows.values(), ["path", "name", "parent"], batch_size=category_changes.ROWS_AT_ONCE)


def tree() -> dict[int | None, list[Category]]:
    """Every category below its parent, by name."""
    below: dict[int | None, list[Category]] = defaultdict(list)
    for category in Category.objects.order_by("name", "pk"):
        below[category.parent_id].append(category)
    return below


def _clean(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise CategoryError(_("Give it a name."))
    if Category.SEPARATOR.strip() in name:
        raise CategoryError(_("A name cannot hold “>”: it stands between the names of a path."))
    if len(name) > LONGEST_NAME or any(ord(character) < 32 for character in name):
        raise CategoryError(_("A name has at most %(limit)s characters.") % {"limit": LONGEST_NAME})
    return name


def _check(path: str) -> None:
    if too_long(path):
        raise CategoryError(
            _("The path would be longer than %(limit)s characters or %(bytes)s bytes.")
            % {"limit": f"{LONGEST_PATH:,}", "bytes": f"{LONGEST_PATH_BYTES:,}"}
        )


def _refuse_root(category: Category) -> None:
    if category.parent_id is None:
        raise CategoryError(_("All categories are the root of the tree, which stays as it is."))


def _refuse_unfinished(changes: QuerySet[CategoryChange]) -> None:
    if changes.exists():
        raise CategoryError(_("Another change of categories is still being worked through; wait until it is done."))


def _refuse_history(category: Category) -> None:
    if PolicyVersion.objects.filter(category=category).exists():
        raise CategoryError(
            _("%(path)s has policy versions of its own, on which decisions rest. It can be renamed and moved, not merged away or deleted.")
            % {"path": category.path}
        )


def _audit(action: str, path: str, user: User, **detail: str) -> None:
    AuditEvent.objects.create(actor=Actor.of(user).uuid, action=action, subject=path[:200], detail={"path": path} | detail)
