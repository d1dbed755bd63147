"""Which case a person takes next, and what keeps it theirs.

A case is the open pairs of one query SKU. A lease holds the query and every SKU of the pairs it was taken with; a SKU is held
once, so whoever comes second gets another case. Only pairs whose two SKUs the lease holds belong to it: a pair that opens
under the same query later waits for the next lease.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from alignment.models import Pair, User
from review import queues
from review.models import HeldSKU, Lease

MOST_PAIRS = 50
ATTEMPTS = 5
SHOWN = (
    "left__source",
    "right__source",
    "query__source",
    "category",
    "score__model",
    "reverse_score__model",
    "policy__category",
    "standing",
)


class NotHeld(Exception):
    """The pair is not in a case that this person holds: the hold expired, or it was never theirs."""


@dataclass(frozen=True)
class Case:
    """What one person holds: the lease and its open pairs, best score first."""

    lease: Lease
    pairs: list[Pair]


def take_case(user: User, *, escalated: bool = False, query_id: int | None = None) -> Case | None:
    """The case this person holds, renewed, or else the oldest one that touches nothing held. None when there is none.

    With `query_id` that case and no other: what is held instead is given back.
    """
    # A case that is held for a while yet is shown again without a write, which would wait for every other one on SQLite.
    soon = timezone.now() + timedelta(seconds=settings.REVIEW_LEASE_SECONDS / 2)
    lease = Lease.objects.filter(reviewer=user, ahead=False, expires_at__gt=soon).first()
    if lease and query_id in (None, lease.query_id) and (pairs := _pairs_of(lease, user, escalated=escalated)):
        return Case(lease, pairs)
    with transaction.atomic():
        sweep()
        for _attempt in range(ATTEMPTS):
            lease = Lease.objects.filter(reviewer=user, ahead=False).first()
            if lease and query_id in (None, lease.query_id) and (pairs := _pairs_of(lease, user, escalated=escalated)):
                _renew(lease)
                return Case(lease, pairs)
            if lease:
                lease.delete()
            wanted = queues.next_query(user, escalated=escalated) if query_id is None else query_id
            if wanted is None:
                return None
            if case := _claim(user, wanted, escalated=escalated):
                return case
    return None


def pair_in_hand(user: User, pair_id: int, *, escalated: bool = False) -> Case:
    """The case that holds a pair for this person, its lease renewed and locked until the transaction ends. Raises NotHeld.

    Inside a transaction: the lease cannot be swept between this check and the verdict.
    """
    lease = Lease.objects.select_for_update().filter(reviewer=user, ahead=False, expires_at__gt=timezone.now()).first()
    pairs = _pairs_of(lease, user, escalated=escalated) if lease else []
    if lease is None or all(pair.pk != pair_id for pair in pairs):
        raise NotHeld
    _renew(lease)
    return Case(lease, pairs)


def release(user: User) -> None:
    """Give the case back: others can take it at once."""
    Lease.objects.filter(reviewer=user).delete()


def sweep() -> int:
    """Free the leases that expired. Returns how many. Inside a transaction."""
    dead = [lease.pk for lease in Lease.objects.filter(expires_at__lte=timezone.now()).select_for_update(skip_locked=True)]
    if dead:
        Lease.objects.filter(pk__in=dead).delete()
    return len(dead)


def _expiry() -> datetime:
    return timezone.now() + timedelta(seconds=settings.REVIEW_LEASE_SECONDS)


def _renew(lease: Lease) -> None:
    lease.expires_at = _expiry()
    Lease.objects.filter(pk=lease.pk).update(expires_at=lease.expires_at)


def _claim(user: User, query_id: int, *, escalated: bool) -> Case | None:
    """Hold a case's SKUs. None when someone else holds one of them, or nothing in it is open."""
    pairs = _in_order(queues.open_pairs(user, escalated=escalated).filter(query=query_id).order_by("-priority", "order_key", "pk"))
    if not pairs:
        return None
    skus = sorted({sku for pair in pairs for sku in (pair.left_id, pair.right_id)})
    try:
        with transaction.atomic():
            lease = Lease.objects.create(reviewer=user, query_id=query_id, expires_at=_expiry())
            # In the order of ids, so that two who claim at once wait for each other instead of dead-locking.
            HeldSKU.objects.bulk_create(HeldSKU(sku_id=sku, lease=lease) for sku in skus)
    except IntegrityError:
        return None
    return Case(lease, pairs)


def _pairs_of(lease: Lease, user: User, *, escalated: bool) -> list[Pair]:
    held = HeldSKU.objects.filter(lease=lease).values("sku")
    return _in_order(queues.open_pairs(user, escalated=escalated).filter(query=lease.query_id, left__in=held, right__in=held))


def _in_order(pairs: QuerySet[Pair]) -> list[Pair]:
    shown = list(pairs.select_related(*SHOWN)[:MOST_PAIRS])
    return sorted(shown, key=lambda pair: (-(pair.score.probability if pair.score else 0.0), pair.pk))
