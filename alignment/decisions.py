"""The only writer of the log. A verdict goes in, with what its maker saw; what stands, and the groups, follow in the same transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from alignment import groups, logbook, open_pairs, rendering
from alignment.models import Actor, AuditEvent, Decision, Note, Pair, PolicyVersion, User

Verdict, By = Decision.Verdict, Decision.By
LONGEST_NOTE = 2000
UNSEEN = object()


class DecisionError(Exception):
    """A verdict that cannot be taken; the text says why, to the person who gave it."""


class Outdated(DecisionError):
    """Someone decided this pair since the page was drawn."""


@dataclass(frozen=True)
class Change:
    """A decision about to enter the log, and what stands on its pair once it has."""

    pair: Pair
    decision: Decision
    standing: Decision | None


def standing(history: Iterable[Decision]) -> Decision | None:
    """What stands on one pair, from its decisions in log order.

    The latest verdict of a person that nobody withdrew; without one, the latest accept of a policy that was not withdrawn.
    """
    history = list(history)
    ended = {decision.withdraws_id for decision in history}
    open_ = [decision for decision in history if decision.verdict != Verdict.WITHDRAW and decision.pk not in ended]
    persons = [decision for decision in open_ if decision.by == By.PERSON]
    found = persons or open_
    return found[-1] if found else None


def everyone_unsure(history: Sequence[Decision]) -> bool:
    """Whether enough different people found the pair unsure, with nobody deciding it, for an admin to take it."""
    ended = {decision.withdraws_id for decision in history}
    unsure: set[uuid.UUID | None] = set()
    for decision in history:
        if decision.by == By.PERSON and decision.pk not in ended and decision.verdict != Verdict.WITHDRAW:
            unsure = unsure | {decision.actor} if decision.verdict == Verdict.UNSURE else set()
    reviewers = User.objects.filter(is_active=True, role=User.Role.REVIEWER).count()
    return len(unsure) >= max(1, min(settings.UNSURE_LIMIT, reviewers))


def _frozen(pair: Pair, **fields: object) -> Decision:
    """A decision that holds what its maker saw."""
    decision = Decision(pair=pair, left_hash=pair.left.text_hash, right_hash=pair.right.text_hash, policy=pair.policy, **fields)
    if pair.score:
        decision.score, decision.model_id = pair.score.probability, pair.score.model_id
    if pair.reverse_score:
        decision.reverse_score = pair.reverse_score.probability
    return decision


def _record(decisions: Sequence[Decision]) -> list[Change]:
    """Append decisions, in order, bring their pairs and the groups up to date. Inside a transaction that holds the log."""
    if not decisions:
        return []
    logged = Decision.objects.bulk_create(decisions)
    histories: dict[int, list[Decision]] = {decision.pair_id: [] for decision in logged}
    for earlier in Decision.objects.filter(pair__in=histories, pk__lt=logged[0].pk).order_by("pk"):
        histories[earlier.pair_id].append(earlier)
    changes = []
    for decision in logged:
        histories[decision.pair_id].append(decision)
        changes.append(Change(decision.pair, decision, standing(histories[decision.pair_id])))
    moved = groups.apply([groups.Step(change.decision.pk, change.pair, change.standing) for change in changes])
    pairs = {change.pair.pk: change.pair for change in changes}
    for change in changes:
        change.pair.standing = change.standing
        change.pair.stage = Pair.Stage.ESCALATED if everyone_unsure(histories[change.pair.pk]) else Pair.Stage.FIRST
    Pair.objects.bulk_update(list(pairs.values()), ["standing", "text_changed", "stage"], batch_size=200)
    open_pairs.save_places([*pairs.values(), *open_pairs.beside(moved, but=pairs)])
    return changes


def _pair_for_update(pair_id: int) -> Pair:
    pair = (
        Pair.objects.select_for_update(of=("self",))
        .select_related("left", "right", "score", "reverse_score", "policy", "standing")
        .filter(pk=pair_id)
        .first()
    )
    if pair is None:
        raise DecisionError(_("This pair does not exist."))
    return pair


def check_reject_reason(reject_reason: str, *, verdict: str) -> None:
    """Raises DecisionError unless the reason is a known one beside a reject, or none."""
    if reject_reason and verdict != Verdict.REJECT:
        raise DecisionError(_("A reason goes with “different” only."))
    if reject_reason and reject_reason not in Decision.RejectReason.values:
        raise DecisionError(_("This reason is not one of those offered."))


def asks_reject_reason(pair: Pair) -> bool:
    """Whether the pair's policy takes no reject without a reason."""
    return pair.policy is not None and pair.policy.reasons == PolicyVersion.Reasons.REQUIRED


def decide(
    *,
    pair_id: int,
    verdict: str,
    user: User,
    seconds: float | None = None,
    note: str = "",
    request_id: uuid.UUID | None = None,
    seen_standing: object = UNSEEN,
    reason: str = "",
    reject_reason: str = "",
) -> Decision:
    """A person's verdict on a pair: accept, reject or unsure.

    `seen_standing` is the id of the decision (or None) that stood when the person looked; `request_id` makes a repeated press one
    decision. `reject_reason` is a Decision.RejectReason and goes with a reject only; a policy may require it. Raises DecisionError, or
    Outdated when somebody decided since.
    """
    if verdict not in (Verdict.ACCEPT, Verdict.REJECT, Verdict.UNSURE):
        raise DecisionError(_("Choose same, different or unsure."))
    check_reject_reason(reject_reason, verdict=verdict)
    note = note.strip()
    if len(note) > LONGEST_NOTE:
        raise DecisionError(_("The note is longer than %(limit)s characters.") % {"limit": LONGEST_NOTE})
    actor = Actor.of(user).uuid
    with transaction.atomic():
        logbook.lock()
        if request_id and (repeated := Decision.objects.filter(request_id=request_id).first()):
            if (repeated.pair_id, repeated.verdict, repeated.actor) != (pair_id, verdict, actor):
                raise DecisionError(_("This press was already used for another verdict."))
            return repeated
        pair = _pair_for_update(pair_id)
        if seen_standing is not UNSEEN and seen_standing != pair.standing_id:
            raise Outdated(_("Someone decided this pair since you opened it."))
        if verdict == Verdict.REJECT and not (reason or reject_reason) and asks_reject_reason(pair):
            raise DecisionError(_("Say why it is different: here every “different” needs its reason."))
        pair.text_changed = pair.text_changed and verdict == Verdict.UNSURE
        decision = _frozen(
            pair,
            verdict=verdict,
            by=By.PERSON,
            actor=actor,
            request_id=request_id,
            reason=reason,
            reject_reason=reject_reason,
            seconds=None if seconds is None else max(0.0, min(seconds, 86_400.0)),
            note_hash=rendering.hash_text(note) if note else "",
        )
        _record([decision])
        if note:
            Note.objects.create(decision=decision, text=note)
    return decision


def withdraw(*, decision_id: int, user: User) -> Decision:
    """Take a person's standing decision back: what stood before it stands again. Raises DecisionError."""
    with transaction.atomic():
        logbook.lock()
        ended = Decision.objects.filter(pk=decision_id).exclude(verdict=Verdict.WITHDRAW).first()
        if ended is None:
            raise DecisionError(_("This decision does not exist."))
        pair = _pair_for_update(ended.pair_id)
        if pair.standing_id != ended.pk:
            raise Outdated(_("This decision no longer stands, so there is nothing to take back."))
        if ended.by == By.POLICY:
            raise DecisionError(_("A policy's accept is ended by deciding the pair, not by taking it back."))
        decision = _frozen(pair, verdict=Verdict.WITHDRAW, by=By.PERSON, actor=Actor.of(user).uuid, withdraws=ended)
        _record([decision])
        follow_routes([pair])
    return decision


def undo(*, user: User) -> Decision | None:
    """Take back this person's latest decision that still stands. None when there is nothing to undo."""
    actor = Actor.of(user).uuid
    latest = Decision.objects.filter(actor=actor, stands_for__isnull=False).exclude(verdict=Verdict.WITHDRAW).order_by("-pk").first()
    return withdraw(decision_id=latest.pk, user=user) if latest else None


def follow_routes(pairs: Sequence[Pair], *, reason: str = "") -> int:
    """What policies decide about pairs, from the routes set on them: accept, or withdraw their own older accept.

    Inside a transaction that holds the log. A pair on which a person's verdict stands is left alone. Returns how many entries it wrote.
    """
    decisions = []
    for pair in pairs:
        stands = pair.standing
        if stands is None and pair.route == Pair.Route.ACCEPT:
            decisions.append(_frozen(pair, verdict=Verdict.ACCEPT, by=By.POLICY))
        elif stands is not None and stands.by == By.POLICY and pair.route != Pair.Route.ACCEPT:
            decisions.append(_frozen(pair, verdict=Verdict.WITHDRAW, by=By.POLICY, withdraws=stands, reason=reason))
    _record(decisions)
    return len(decisions)


def forget_note(*, note: Note, user: User) -> None:
    """Delete a note's text. The log keeps its hash and the audit says who had it forgotten."""
    with transaction.atomic():
        AuditEvent.objects.create(actor=Actor.of(user).uuid, action="forget note", subject=f"decision {note.decision_id}")
        note.delete()


def verify() -> list[str]:
    """What is wrong with the log, in words; empty when nothing is. The command `verify_log` prints it."""
    from django.db import connection

    from alignment import triggers

    problems = [f"the trigger {trigger} is missing" for trigger in triggers.missing(connection)]
    rows = Decision.objects.select_related("withdraws", "pair__standing").order_by("pair_id", "pk").iterator(chunk_size=2000)
    for pair_id, history in groupby(rows, key=lambda decision: decision.pair_id):
        decisions = list(history)
        seen: dict[int, Decision] = {}
        for decision in decisions:
            if decision.verdict == Verdict.WITHDRAW:
                ended = seen.get(decision.withdraws_id or 0)
                if ended is None:
                    problems.append(f"decision {decision.pk} withdraws one that is not an earlier decision on pair {pair_id}")
                elif ended.by != decision.by:
                    problems.append(f"decision {decision.pk} of a {decision.by} withdraws one of a {ended.by}")
            elif decision.by == By.POLICY and (stood := standing(seen.values())) and stood.by == By.PERSON:
                problems.append(f"decision {decision.pk} of a policy was made over a person's verdict")
            seen[decision.pk] = decision
        stands = standing(decisions)
        if decisions[0].pair.standing_id != (stands.pk if stands else None):
            problems.append(
                f"pair {pair_id} holds decision {decisions[0].pair.standing_id} as standing, the log says {stands and stands.pk}"
            )
    logged = Decision.objects.values("pair")
    problems += [
        f"pair {pair} has a standing decision that is not its own"
        for pair in Pair.objects.filter(standing__isnull=False).exclude(pk__in=logged).values_list("pk", flat=True)
    ]
    for note in Note.objects.select_related("decision").iterator(chunk_size=2000):
        if rendering.hash_text(note.text) != note.decision.note_hash:
            problems.append(f"the note of decision {note.decision_id} is not the one that was written")
    return problems
