"""The category tree as a page shows it: rows in order, with how deep they lie and what they hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count

from alignment import category_tree
from alignment.models import SKU, Category
from alignment.policies import Policies

MOST_ROWS = 300
SKUS = "skus-by-category"
SKUS_SECONDS = 60


@dataclass(frozen=True)
class Row:
    """One category. `hidden` is how many lie below it and are not shown; counts are of listed and delisted SKUs."""

    category: Category
    depth: int
    own: int
    below: int
    policy: int | None
    hidden: int


@dataclass(frozen=True)
class Tree:
    """A part of the tree: `at` and what is below it, as deep as the rows allow. `more` children are left out even so."""

    at: Category
    above: list[Category]
    rows: list[Row]
    more: int


def tree(at: Category) -> Tree:
    """The tree from a category on. Six queries at most, however large it is."""
    below = category_tree.tree()
    own = _skus()
    policies = {category: version.number for category, version in Policies().own.items()}
    by_id = {category.pk: category for children in below.values() for category in children}
    totals: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    for category in sorted(by_id.values(), key=lambda one: -_depth(one)):
        totals[category.pk] += own[category.pk]
        if category.parent_id is not None:
            totals[category.parent_id] += totals[category.pk]
            sizes[category.parent_id] += sizes[category.pk] + 1
    deepest = _deepest(at, below)
    rows: list[Row] = []

    def walk(category: Category, depth: int) -> None:
        cut = depth == deepest
        rows.append(
            Row(category, min(depth, 8), own[category.pk], totals[category.pk], policies.get(category.pk), sizes[category.pk] if cut else 0)
        )
        for child in [] if cut else below[category.pk]:
            walk(child, depth + 1)

    walk(at, 0)
    above = []
    current = at
    while current.parent_id is not None:
        current = by_id[current.parent_id]
        above.append(current)
    return Tree(at, above[::-1], rows[: MOST_ROWS + 1], max(0, len(rows) - MOST_ROWS - 1))


def _skus() -> Counter[int]:
    """How many SKUs each category holds itself, as last counted, which takes longer than all else on the page: until the newest change
    is another one, and for a minute at most, since an import may store what it read before that."""
    newest = SKU.objects.order_by("-updated_at", "-id").values_list("updated_at", "id").first()
    as_of, counted = cache.get(SKUS, (None, None))
    if counted is None or as_of != newest:
        own = SKU.objects.filter(category__isnull=False).order_by().values_list("category").annotate(count=Count("*"))
        counted = Counter(dict(own))
        cache.set(SKUS, (newest, counted), SKUS_SECONDS)
    return counted


def _depth(category: Category) -> int:
    return category.path.count(Category.SEPARATOR) + 1 if category.path else 0


def _deepest(at: Category, below: dict[int | None, list[Category]]) -> int:
    """The greatest depth at which no more than the most rows are shown; the first level always is."""
    level, rows, depth = [at], 1, 0
    while level:
        level = [child for category in level for child in below[category.pk]]
        rows += len(level)
        if rows > MOST_ROWS and depth:
            return depth
        depth += 1
    return depth
