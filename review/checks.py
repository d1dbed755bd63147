"""Hidden checks: pairs whose answer is known, mixed in unmarked among a reviewer's cases. What is answered never enters the log."""

from __future__ import annotations

import uuid

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from alignment.decisions import DecisionError
from alignment.models import Actor, AuditEvent, Decision, Pair, User
from review.models import CheckAnswer, HeldSKU, KnownPair, Lease
from review.scopes import Scope

GIVEN = ~Q(verdict="")
VERDICTS = (Decision.Verdict.ACCEPT, Decision.Verdict.REJECT)


def mark(*, pair: Pair, verdict: str, user: User) -> KnownPair:
    """An admin says what the answer to a pair is, from now on. Raises DecisionError."""
    if verdict not in VERDICTS:
        raise DecisionError(_("Choose same or different."))
    with transaction.atomic():
        known, made = KnownPair.objects.get_or_create(pair=pair, defaults={"verdict": verdict, "author": user})
        if not made and known.verdict != verdict:
            # Earlier answers were measured against the other verdict.
            known.answers.all().delete()
        KnownPair.objects.filter(pk=known.pk).update(verdict=verdict, author=user, retired_at=None)
        if not pair.languages:
            languages = "|".join(sorted((pair.left.language, pair.right.language)))
            Pair.objects.filter(pk=pair.pk).update(languages=languages)
        _record("mark known pair", pair, user, verdict)
    known.refresh_from_db()
    return known


def retire(*, pair: Pair, user: User) -> bool:
    """The pair is mixed in no more; what was answered is kept. Returns whether it was known."""
    with transaction.atomic():
        changed = KnownPair.objects.filter(pair=pair, retired_at__isnull=True).update(retired_at=timezone.now())
        if changed:
            _record("retire known pair", pair, user, "")
    return bool(changed)


def known(pair: Pair) -> KnownPair | None:
    """What is known of a pair, while it is asked."""
    return KnownPair.objects.filter(pair=pair, retired_at__isnull=True).first()


def unanswered(user: User) -> QuerySet[KnownPair]:
    """What can still be asked of this person, and must be told to them by no page: never answered or decided by them, and not open.

    Nothing is asked of admins, who mark these pairs and see which are marked.
    """
    if user.is_admin:
        return KnownPair.objects.none()
    mine = Decision.objects.filter(pair=OuterRef("pair"), actor__in=Actor.objects.filter(user=user).values("uuid"))
    asked = CheckAnswer.objects.filter(GIVEN, known=OuterRef("pk"), reviewer=user)
    return KnownPair.objects.filter(
        ~Exists(asked), ~Exists(mine), retired_at__isnull=True, pair__in_review=False, pair__score__isnull=False
    )


def next_for(user: User, scope: Scope) -> KnownPair | None:
    """One that fits this person, can still be asked of them, and of which nobody holds a SKU."""
    held = HeldSKU.objects.values("sku")
    return (
        unanswered(user)
        .filter(pair__in=Pair.objects.filter(scope.fitting()))
        .exclude(pair__left__in=held)
        .exclude(pair__right__in=held)
        .order_by("?")
        .first()
    )


def disguised(pair: Pair) -> Pair:
    """The pair as one that nobody answered yet. Never saved."""
    pair.standing, pair.text_changed, pair.guard, pair.due_at, pair.stage = None, False, "", None, Pair.Stage.FIRST
    return pair


def answer(*, lease: Lease, verdict: str, user: User, seconds: float | None, request_id: uuid.UUID | None) -> CheckAnswer:
    """Keep what somebody says of a known pair, once. Raises DecisionError, after which the transaction around this ends too."""
    if verdict not in (*VERDICTS, Decision.Verdict.UNSURE):
        raise DecisionError(_("Choose same, different or unsure."))
    assert lease.check_pair_id is not None
    said = {"verdict": verdict, "seconds": seconds, "request_id": request_id}
    try:
        given, made = CheckAnswer.objects.get_or_create(known_id=lease.check_pair_id, reviewer=user, defaults=said)
        # A press that was taken back may arrive once more.
        again = not made and (request_id is None or given.request_id != request_id)
        if again and CheckAnswer.objects.filter(pk=given.pk, verdict="").update(created_at=timezone.now(), **said):
            given.refresh_from_db()
    except IntegrityError as error:
        raise DecisionError(_("This press was already used for another verdict.")) from error
    return given


def is_answered(lease: Lease) -> bool:
    return CheckAnswer.objects.filter(GIVEN, known=lease.check_pair_id, reviewer=lease.reviewer_id).exists()


def repeated(user: User, request_id: uuid.UUID, pair_id: int) -> bool:
    """Whether this very press answered a check before."""
    return CheckAnswer.objects.filter(request_id=request_id, reviewer=user, known__pair=pair_id).exists()


def take_back(user: User, press: uuid.UUID | None) -> CheckAnswer | None:
    """End an answer: that of one press, or the latest if nothing was decided since. Returns it, as it was."""
    answers = CheckAnswer.objects.select_related("known").filter(GIVEN, reviewer=user).order_by("-created_at", "-pk")
    latest = answers.filter(request_id=press).first() if press else answers.first()
    if latest is None:
        return None
    actor = Actor.objects.filter(user=user).values("uuid")
    if not press and Decision.objects.filter(actor__in=actor, created_at__gt=latest.created_at).exists():
        return None
    CheckAnswer.objects.filter(pk=latest.pk).update(verdict="", first=False)
    return latest


def _record(action: str, pair: Pair, user: User, verdict: str) -> None:
    detail = {"verdict": verdict} if verdict else {}
    AuditEvent.objects.create(actor=Actor.of(user).uuid, action=action, subject=f"pair {pair.pk}", detail=detail)
