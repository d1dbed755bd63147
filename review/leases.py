"""Which case a person takes next, and what keeps it theirs.

A case is the open pairs of one query SKU. A lease holds its neighbourhood: the query, every SKU of the pairs it was taken with, and
whatever the groups say is the same product as one of them. A SKU is held once, so whoever comes second gets another case, and nobody's
verdict changes what somebody else is looking at. Only pairs whose two SKUs the lease holds belong to it: a pair that opens under the same
query later waits for the next lease.

A person holds the case in hand and at most one ahead, which becomes the one in hand when that is done. A lease that expired is still
theirs until somebody who looks for a case sweeps it.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, TypeVar

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, Func, OuterRef, Q, QuerySet, TextField, Value
from django.utils import timezone

from alignment import implied
from alignment.models import Actor, AuditEvent, Decision, Pair, User
from review import checks, queues
from review.models import HeldSKU, KnownPair, Lease
from review.scopes import Scope

Rows = TypeVar("Rows", bound=QuerySet[Any, Any])
MOST_PAIRS = 50
ATTEMPTS = 5
STEPS = 10
# What orders a case, and what of it a page shows. The page reads the listings themselves, each once.
READ = ("category", "score__model", "reverse_score", "policy__category", "standing")
ANSWERED = Exists(Decision.objects.filter(pair=OuterRef("pk"), by=Decision.By.PERSON))
# What a verdict needs of a case: most are answered without drawing it again.
BRIEFLY = (
    *("left", "right", "query", "in_review", "text_changed", "stage"),
    *("score__probability", "policy__blind", "standing__verdict"),
)


class NotHeld(Exception):
    """The pair is not in a case that this person holds: the hold expired and was freed, or it was never theirs."""


@dataclass(frozen=True)
class Case:
    """What one person holds: the lease and its open pairs, best score first. A hidden check has one pair, as if nobody had answered it.

    `briefly`: of the pairs only what a verdict needs was read.
    """

    lease: Lease
    pairs: list[Pair]
    briefly: bool = False

    @property
    def is_check(self) -> bool:
        return self.lease.check_pair_id is not None


class Step(NamedTuple):
    """What one step towards a case came to. `moved`: something was written, here or by another request of this person, and the next step,
    if one is needed, goes on from there."""

    case: Case | None = None
    moved: bool = False


def take_case(user: User, *, escalated: bool = False, query_id: int | None = None, briefly: bool = False) -> Case | None:
    """The case this person has in hand, renewed; or the one they hold ahead; or the first that touches nothing held. None without one.

    With `query_id` that case and no other: what is in hand instead is given back. `briefly` may read of its pairs what a verdict needs.
    """
    for _step in range(STEPS):
        case, moved = step_to_case(user, escalated=escalated, query_id=query_id, briefly=briefly)
        if case or not moved:
            return case
    return None


def step_to_case(user: User, *, escalated: bool = False, query_id: int | None = None, briefly: bool = False) -> Step:
    """One step of `take_case`: what is held is read, or renewed, or given back, or follows; what expired is freed; or a case is claimed."""
    held = _held(user)
    if case := _held_for_a_while(held.in_hand, user, escalated=escalated, query_id=query_id, briefly=briefly):
        return Step(case)
    if held.in_hand or held.ahead or held.expired:
        with transaction.atomic():
            _in_turn(user)
            step = _continued(user, escalated=escalated, query_id=query_id)
        if step.moved:
            return step
    step = _claim_next(user, ahead=False, escalated=escalated, query_id=query_id)
    if step.moved or query_id is None:
        return step
    # The case ahead may be what is in the way.
    return Step(moved=bool(Lease.objects.filter(reviewer=user, ahead=True).delete()[0]))


def step_to_ahead(user: User, *, escalated: bool = False) -> Step:
    """One step towards the case after the one in hand, held already so that nobody else gets it. No case where there is none, or nothing is
    in hand."""
    held = _held(user)
    if held.in_hand is None:
        return Step()
    if case := _held_for_a_while(held.ahead, user, escalated=escalated):
        return Step(case)
    if held.ahead or held.expired:
        with transaction.atomic():
            _in_turn(user)
            step = _kept(_held(user).ahead, user, escalated=escalated)
            step = step if step.moved else Step(moved=bool(sweep()))
        if step.moved:
            return step
    return _claim_next(user, ahead=True, escalated=escalated)


def take_check(user: User, known: KnownPair) -> Case | None:
    """One check, asked by itself. None when somebody else holds one of its listings meanwhile."""
    with transaction.atomic():
        _in_turn(user)
        Lease.objects.filter(reviewer=user).delete()
    return _claim_known(user, known, ahead=False)


def pair_in_hand(user: User, pair_id: int, *, escalated: bool = False) -> Case:
    """The case that holds a pair for this person, its lease renewed and locked until the transaction ends. Raises NotHeld.

    Inside a transaction: the lease cannot be swept between this check and the verdict.
    """
    lease = Lease.objects.select_for_update().filter(reviewer=user, ahead=False).first()
    pairs = _pairs_of(lease, user, escalated=escalated, briefly=True) if lease else []
    if lease is None or all(pair.pk != pair_id for pair in pairs):
        raise NotHeld
    _renew(lease)
    return Case(lease, pairs, briefly=True)


def remaining(case: Case, *, decided: int) -> Case | None:
    """What is left of a case for its person after their verdict on one pair. None left: it is given back, and the one ahead is in hand.

    After the verdict's transaction, which all others wait for. If this is never reached, a case without open pairs is given back when
    its person comes for the next.
    """
    others = [pair.pk for pair in case.pairs if pair.pk != decided]
    still = set(Pair.objects.filter(pk__in=others, in_review=True).values_list("pk", flat=True)) if others else set()
    if not still:
        _give_back_for_the_next(case.lease)
        return None
    return replace(case, pairs=[pair for pair in case.pairs if pair.pk in still])


def _give_back_for_the_next(lease: Lease) -> None:
    with transaction.atomic():
        given_back = [held.delete() for held in _not_waiting_for_the_disk(Lease.objects.filter(pk=lease.pk))]
        # Another press of theirs may have been here before, and be at the next case already.
        if any(deleted.get(Lease._meta.label) for _rows, deleted in given_back):
            Lease.objects.filter(reviewer=lease.reviewer_id, ahead=True).update(ahead=False)


def to_draw(case: Case) -> Case:
    """The same case, with all that a page shows of its pairs."""
    if not case.briefly:
        return case
    read = _read(Pair.objects.all()).in_bulk([pair.pk for pair in case.pairs])
    pairs = [checks.disguised(read[pair.pk]) if case.is_check else read[pair.pk] for pair in case.pairs]
    return Case(case.lease, pairs)


def answered(pair: Pair) -> bool:
    """Whether people said anything about a pair that was read to be drawn, withdrawn or not."""
    return bool(getattr(pair, "answered", True))


def held_by(user: User, lease: uuid.UUID, *, escalated: bool) -> Case | None:
    """What is open of a case that this person holds, in hand or ahead, by its lease. Nothing is renewed. None where it is not theirs."""
    held = Lease.objects.filter(uuid=lease, reviewer=user).first()
    pairs = _pairs_of(held, user, escalated=escalated, briefly=True) if held else []
    return Case(held, pairs, briefly=True) if held and pairs else None


def renew(user: User) -> int:
    """The person is still there: both of their leases live for another term. Returns how many they hold."""
    # One row a statement and no transaction around them, so that nothing waits for it in a ring.
    held = list(Lease.objects.filter(reviewer=user).values_list("pk", flat=True))
    return sum(Lease.objects.filter(pk=lease).update(expires_at=_expiry()) for lease in held)


def release(user: User) -> None:
    """Give both cases back: others can take them at once."""
    with transaction.atomic():
        _in_turn(user)
        Lease.objects.filter(reviewer=user).delete()


def free(*, lease: uuid.UUID, user: User) -> str:
    """An admin takes a case from whoever holds it. Returns their name, empty when nobody does any more."""
    with transaction.atomic():
        held = Lease.objects.select_for_update(of=("self",)).select_related("reviewer", "query").filter(uuid=lease).first()
        if held is None:
            return ""
        detail = {"holder": str(Actor.of(held.reviewer).uuid), "since": held.created_at.isoformat()}
        AuditEvent.objects.create(actor=Actor.of(user).uuid, action="free case", subject=str(held.query.uuid), detail=detail)
        held.delete()
    return held.reviewer.get_username()


def sweep() -> int:
    """Free the leases that expired. Returns how many. Inside a transaction."""
    dead = [lease.pk for lease in Lease.objects.filter(expires_at__lte=timezone.now()).select_for_update(skip_locked=True)]
    if dead:
        Lease.objects.filter(pk__in=dead).delete()
    return len(dead)


def _not_waiting_for_the_disk(rows: Rows) -> Rows:
    """What the transaction that reads these rows writes may be lost if the database's machine fails within the second: a lease so lost is
    a case given back. The read itself says so, which costs no statement."""
    if connection.vendor != "postgresql":
        return rows
    setting = Func(Value("synchronous_commit"), Value("off"), Value(True), function="set_config", output_field=TextField())
    return rows.annotate(synchronous_commit=setting)


def _expiry() -> datetime:
    return timezone.now() + timedelta(seconds=settings.REVIEW_LEASE_SECONDS)


def _half_a_term_from_now() -> datetime:
    return timezone.now() + timedelta(seconds=settings.REVIEW_LEASE_SECONDS / 2)


def _renew(lease: Lease) -> None:
    """For another term, unless more than half of this one is left."""
    if lease.expires_at > _half_a_term_from_now():
        return
    lease.expires_at = _expiry()
    Lease.objects.filter(pk=lease.pk).update(expires_at=lease.expires_at)


def _in_turn(user: User) -> None:
    """Two requests of one person take their cases one after the other."""
    User.objects.select_for_update(no_key=True).only("pk").get(pk=user.pk)


@dataclass(frozen=True)
class _Held:
    """One person's leases, and whether anybody's has expired."""

    in_hand: Lease | None
    ahead: Lease | None
    expired: bool


def _held(user: User) -> _Held:
    now = timezone.now()
    found = list(Lease.objects.filter(Q(reviewer=user) | Q(expires_at__lte=now)))
    mine = {lease.ahead: lease for lease in found if lease.reviewer_id == user.pk}
    return _Held(mine.get(False), mine.get(True), any(lease.expires_at <= now for lease in found))


def _held_for_a_while(
    lease: Lease | None, user: User, *, escalated: bool, query_id: int | None = None, briefly: bool = False
) -> Case | None:
    """A case that is held for some time yet: shown again without a write, which would wait for every other one on SQLite."""
    if lease is None or lease.expires_at <= _half_a_term_from_now() or query_id not in (None, lease.query_id):
        return None
    pairs = _pairs_of(lease, user, escalated=escalated, briefly=briefly)
    return Case(lease, pairs, briefly=briefly) if pairs else None


def _kept(lease: Lease | None, user: User, *, escalated: bool) -> Step:
    """The case held, renewed. One in which nothing is open any more is given back."""
    if lease is None:
        return Step()
    if pairs := _pairs_of(lease, user, escalated=escalated):
        _renew(lease)
        return Step(Case(lease, pairs), moved=True)
    lease.delete()
    return Step(moved=True)


def _continued(user: User, *, escalated: bool, query_id: int | None) -> Step:
    """The case in hand, renewed, or the one ahead, which becomes the one in hand. Frees what expired where there is neither.

    With `query_id` that case and no other; what is in hand instead is given back.
    """
    held = _held(user)
    in_hand, ahead = held.in_hand, held.ahead
    if in_hand and query_id not in (None, in_hand.query_id):
        in_hand.delete()
        return Step(moved=True)
    if in_hand:
        return _kept(in_hand, user, escalated=escalated)
    if ahead and query_id in (None, ahead.query_id):
        Lease.objects.filter(pk=ahead.pk).update(ahead=False)
        return Step(moved=True)
    return Step(moved=held.expired and bool(sweep()))


def _claim_next(user: User, *, ahead: bool, escalated: bool, query_id: int | None = None) -> Step:
    """The next free case. Another request of this person may have claimed theirs meanwhile."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        # Its writers take turns: what is read as free under its one lock is free when it is claimed. A claim that meets another one
        # must not be left to a constraint: where threads share a process, Python's sqlite3 was seen to lose that error to the garbage
        # collection of another thread.
        with transaction.atomic():
            return _claim_next(user, ahead=ahead, escalated=escalated, query_id=query_id)
    scope = queues.scope_of(user, escalated=escalated)
    # Under that lock nothing changes between two attempts.
    for _attempt in range(1 if connection.vendor == "sqlite" else ATTEMPTS):
        heads = [] if query_id is not None else queues.next_heads(user, scope, escalated=escalated)
        if query_id is not None:
            case = _claim(user, lambda pairs: _shown(pairs.filter(query=query_id), user, escalated=escalated), ahead=ahead)
        else:
            case = _claim_one_of(heads, scope, user, ahead=ahead, escalated=escalated)
        if case or Lease.objects.filter(reviewer=user, ahead=ahead).exists():
            return Step(case, moved=True)
        if not heads:
            break
    return Step()


def _claim_one_of(heads: Sequence[queues.Head], scope: Scope, user: User, *, ahead: bool, escalated: bool) -> Case | None:
    if heads and not escalated and (check := _claim_check(user, scope, heads[0], ahead=ahead)):
        return check
    for head in heads:
        read = partial(_unless_locked, head=head, scope=scope, user=user, escalated=escalated)
        if case := _claim(user, read, ahead=ahead):
            return case
    return None


def _unless_locked(pairs: QuerySet[Pair], *, head: queues.Head, scope: Scope, user: User, escalated: bool) -> list[Pair]:
    """What of a case a person may be shown. Whoever claims it at the same moment has its first pair locked: nothing, then, but no wait."""
    unlocked = Pair.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=head.pk)
    return _shown(pairs.filter(Exists(unlocked), scope.fitting(), query=head.query), user, escalated=escalated)


def _claim_check(user: User, scope: Scope, head: queues.Head, *, ahead: bool) -> Case | None:
    """Now and then, as often as the policy of the case that comes next says, a known pair comes before it."""
    if random.random() >= (head.check_share or 0.0) or (known := checks.next_for(user, scope)) is None:
        return None
    return _claim_known(user, known, ahead=ahead)


def _claim_known(user: User, known: KnownPair, *, ahead: bool) -> Case | None:
    return _claim(user, lambda pairs: list(pairs.select_related(*READ).filter(pk=known.pair_id)), ahead=ahead, known=known)


def _claim(user: User, read: Callable[[QuerySet[Pair]], list[Pair]], *, ahead: bool, known: KnownPair | None = None) -> Case | None:
    """Hold the neighbourhood of those of all pairs that `read` reads. None when someone else holds part of it, or nothing in it is open.

    A transaction that frees nothing: two that free and claim in one can dead-lock.
    """
    try:
        with transaction.atomic():
            if not (pairs := read(_not_waiting_for_the_disk(Pair.objects.all()))):
                return None
            lease = Lease.objects.create(reviewer=user, ahead=ahead, query_id=pairs[0].query_id, expires_at=_expiry(), check_pair=known)
            # A verdict on any member of their groups can reach these pairs.
            skus = implied.units_of(pairs).keys() | {sku for pair in pairs for sku in (pair.left_id, pair.right_id)}
            # In the order of ids, so that two who claim at once wait for each other instead of dead-locking.
            HeldSKU.objects.bulk_create(HeldSKU(sku_id=sku, lease=lease) for sku in sorted(skus))
    except IntegrityError:
        return None
    return Case(lease, [checks.disguised(pair) for pair in pairs] if known else pairs)


def _pairs_of(lease: Lease, user: User, *, escalated: bool, briefly: bool = False) -> list[Pair]:
    if lease.check_pair_id is not None:
        if escalated or checks.is_answered(lease):
            return []
        return [checks.disguised(pair) for pair in Pair.objects.select_related(*READ).filter(known=lease.check_pair_id)]
    held = HeldSKU.objects.filter(lease=lease).values("sku")
    pairs = Pair.objects.filter(query=lease.query_id, left__in=held, right__in=held)
    return _shown(pairs, user, escalated=escalated, briefly=briefly)


def _shown(pairs: QuerySet[Pair], user: User, *, escalated: bool, briefly: bool = False) -> list[Pair]:
    """What this person may be shown of a case's pairs: the first in the queue's order, as many as a case holds, the likeliest on top."""
    read = pairs.select_related("score", "policy", "standing").only(*BRIEFLY) if briefly else _read(pairs)
    return _in_order(queues.open_pairs(user, escalated=escalated, of=read).order_by(*queues.ORDER)[:MOST_PAIRS])


def _read(pairs: QuerySet[Pair]) -> QuerySet[Pair, Any]:
    """With all that a page shows of them, and whether there is anything earlier to read."""
    return pairs.select_related(*READ).annotate(answered=ANSWERED)


def _in_order(pairs: Iterable[Pair]) -> list[Pair]:
    return sorted(pairs, key=lambda pair: (-(pair.score.probability if pair.score else 0.0), pair.pk))
