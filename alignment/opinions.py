"""What several verdicts on one pair come to: which of them stands, and who is asked next. The log alone says it.

A first verdict that its policy sends to a second reviewer stands and takes effect meanwhile. Two that agree are the end of it. Where they
differ, an admin who gave neither settles it, and until then the more cautious of the two stands: different over unsure over same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.db.models.lookups import LessThan

from alignment.models import Actor, Decision, Pair, User

Verdict, By, Stage = Decision.Verdict, Decision.By, Pair.Stage
DEFINITE = (Verdict.ACCEPT, Verdict.REJECT)
# Why a person's decision was asked for, in the log's own words. An empty reason is a first verdict.
SECOND, ADJUDICATION, ESCALATION, BULK = "second opinion", "adjudication", "escalation", "bulk"
REASONS = {Stage.SECOND: SECOND, Stage.ADJUDICATION: ADJUDICATION, Stage.ESCALATED: ESCALATION}
CAUTION = {Verdict.ACCEPT: 0, Verdict.UNSURE: 1, Verdict.REJECT: 2}


def in_force(history: Iterable[Decision]) -> list[Decision]:
    """The decisions of one pair that nobody withdrew, in log order."""
    history = list(history)
    ended = {decision.withdraws_id for decision in history}
    return [decision for decision in history if decision.verdict != Verdict.WITHDRAW and decision.pk not in ended]


def persons(history: Iterable[Decision]) -> list[Decision]:
    """The verdicts of people that nobody withdrew, in log order."""
    return [decision for decision in in_force(history) if decision.by == By.PERSON]


def standing(history: Iterable[Decision]) -> Decision | None:
    """What stands on one pair, from its decisions in log order.

    The latest verdict of a person that nobody withdrew; where that is a second opinion, the more cautious of it and the first, and the
    first where both are the same. Without any, the latest accept of a policy that was not withdrawn.
    """
    history = list(history)
    given = persons(history)
    if given and given[-1].reason == SECOND:
        return max(given[-2:], key=lambda decision: CAUTION[Verdict(decision.verdict)])
    found = given or in_force(history)
    return found[-1] if found else None


def differ(given: Sequence[Decision]) -> bool:
    """Whether the latest of a pair's verdicts by people is a second opinion that is not the first one's."""
    return len(given) > 1 and given[-1].reason == SECOND and given[-1].verdict != given[-2].verdict


def stage(history: Sequence[Decision], *, pair: Pair) -> Pair.Stage:
    """Who is asked about a pair next, if anyone is, from its decisions in log order."""
    given = persons(history)
    if not given:
        return Stage.FIRST
    if differ(given):
        return Stage.ADJUDICATION
    latest = given[-1]
    if latest.verdict == Verdict.UNSURE:
        return Stage.ESCALATED if everyone_unsure(given) else Stage.FIRST
    if latest.reason == "" and not pair.text_changed and _wants_second(history, given, pair):
        return Stage.SECOND
    return Stage.FIRST


def everyone_unsure(given: Sequence[Decision]) -> bool:
    """Whether enough different people found the pair unsure since anybody decided it, for an admin to take it."""
    unsure = set()
    for decision in reversed(given):
        if decision.verdict != Verdict.UNSURE:
            break
        unsure.add(decision.actor)
    reviewers = User.objects.filter(is_active=True, role=User.Role.REVIEWER).count()
    return len(unsure) >= max(1, min(settings.UNSURE_LIMIT, reviewers))


def share(query_id: int) -> float:
    """Where a case lies between 0 and 1, the same whenever it is asked: a policy that takes a share takes the cases below it."""
    return int.from_bytes(hashlib.sha256(str(query_id).encode()).digest()[:6]) / 2**48


def _wants_second(history: Sequence[Decision], given: Sequence[Decision], pair: Pair) -> bool:
    """Whether the latest verdict, a first and definite one, goes to somebody else too, by the policy it was given under."""
    first = given[-1]
    if any(decision.reason == SECOND and decision.pk > first.pk for decision in history):
        return True
    policy = first.policy
    if policy is None:
        return False
    unsure = policy.second_unsure and any(decision.verdict == Verdict.UNSURE for decision in given)
    if not unsure and share(pair.query_id) >= policy.second_share:
        return False
    assert first.actor is not None, "a person's verdict has a maker"
    return User.objects.filter(is_active=True).exclude(actor__uuid=first.actor).exists()


def open_to(user: User) -> Q:
    """Which pairs this person may answer, of those that want somebody else's opinion: not the second where they gave the first, and
    not the last word where they gave one of the two, unless every admin did."""
    return second_open_to(user) & last_word_open_to(user)


def second_open_to(user: User) -> Q:
    """Of the pairs that want a second opinion, those whose first was somebody else's; and all others."""
    return ~Q(stage=Stage.SECOND) | ~Q(standing__actor=Actor.of(user).uuid)


def last_word_open_to(user: User) -> Q:
    """Of the pairs on which two differ, those on which this person gave neither opinion, or every admin one; and all others."""
    admins = User.objects.filter(Q(is_superuser=True) | Q(role=User.Role.ADMIN), is_active=True)
    fresh = admins.filter(~Exists(_given(pair=OuterRef(OuterRef("pk")), actor=OuterRef("actor__uuid"))))
    return ~Q(stage=Stage.ADJUDICATION) | none_of(_given(pair=OuterRef("pk"), actor=Actor.of(user).uuid)) | Q(~Exists(fresh))


def visible_to(user: User) -> QuerySet[Decision]:
    """The decisions that a person may be shown: all but other people's on a pair that waits for its second opinion.

    Admins are no exception, since any of them may be the one who gives it.
    """
    me = Actor.objects.filter(user=user).values("uuid")
    # Those pairs are few beside the log, and known by an index: the log's own are not looked up one by one.
    waiting = Pair.objects.filter(stage=Pair.Stage.SECOND, in_review=True).values("pk")
    return Decision.objects.filter(~Q(pair__in=waiting) | Q(by=By.POLICY) | Q(actor__in=me))


def none_of(rows: QuerySet[Decision]) -> Q:
    """That none of these is there, looked up for each pair: of NOT EXISTS a planner would read all that one person decided, beforehand."""
    return Q(LessThan(Coalesce(Subquery(rows.order_by().values("pk")[:1]), -1), 0))


def latest() -> Q:
    """Decisions by people that can be taken back: in force, with none after them on their pair."""
    after = _given(pair=OuterRef("pair"), pk__gt=OuterRef("pk"))
    return Q(by=By.PERSON, withdrawn_by__isnull=True) & ~Q(verdict=Verdict.WITHDRAW) & Q(~Exists(after))


def _given(**fields: object) -> QuerySet[Decision]:
    return Decision.objects.filter(by=By.PERSON, withdrawn_by__isnull=True, **fields).exclude(verdict=Verdict.WITHDRAW)
