"""The only writer of the log. A verdict goes in, with what its maker saw; what stands, and the groups, follow in the same transaction."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from alignment import groups, logbook, open_pairs, opinions, rendering
from alignment.models import Actor, AuditEvent, Decision, Note, Pair, PolicyVersion, User
from alignment.opinions import standing

Verdict, By = Decision.Verdict, Decision.By
LONGEST_NOTE = 2000
# What the audit calls a bulk act, and its undoing.
IN_BULK, BULK_UNDONE = "decide in bulk", "undo bulk decision"
UNSEEN = object()
# What a decision freezes of a pair, and what its place in the queue and its standing are made of. The long texts are not in it.
FROZEN = (
    *(field.name for field in Pair._meta.concrete_fields),
    *(f"{side}__{name}" for side in ("left", "right") for name in ("text_hash", "language")),
    *("score__probability", "score__model", "reverse_score__probability"),
    *(f"policy__{name}" for name in ("category", "reasons", "order", "priority", "due_hours", "accept_at", "review_at")),
    *(f"policy__{name}" for name in ("second_share", "second_unsure")),
    *(f"standing__{field.name}" for field in Decision._meta.concrete_fields),
)


class DecisionError(Exception):
    """A verdict that cannot be taken; the text says why, to the person who gave it."""


class Outdated(DecisionError):
    """Someone decided this pair since the page was drawn."""


@dataclass(frozen=True)
class ActUndone:
    """A bulk act taken back: the withdrawals, and how many of its decisions were taken back or decided over before."""

    withdrawn: list[Decision]
    left: int


@dataclass(frozen=True)
class Change:
    """A decision about to enter the log, and what stands on its pair once it has."""

    pair: Pair
    decision: Decision
    standing: Decision | None


def _frozen(pair: Pair, **fields: object) -> Decision:
    """A decision that holds what its maker saw."""
    decision = Decision(pair=pair, left_hash=pair.left.text_hash, right_hash=pair.right.text_hash, policy=pair.policy, **fields)
    if pair.score:
        decision.score, decision.model_id = pair.score.probability, pair.score.model_id
    if pair.reverse_score:
        decision.reverse_score = pair.reverse_score.probability
    return decision


def _record(decisions: Sequence[Decision], earlier: Iterable[Decision] | None = None) -> groups.Moved:
    """Append decisions, in order, bring their pairs and the groups up to date. Inside a transaction that holds the log.

    `earlier` is what the log has on these pairs, in its order, where that was read already.
    """
    if not decisions:
        return groups.Moved()
    histories: dict[int, list[Decision]] = {decision.pair_id: [] for decision in decisions}
    for one in _logged(Q(pair__in=histories)) if earlier is None else earlier:
        histories[one.pair_id].append(one)
    logged = Decision.objects.bulk_create(decisions)
    changes: list[Change] = []
    for decision in logged:
        histories[decision.pair_id].append(decision)
        changes.append(Change(decision.pair, decision, standing(histories[decision.pair_id])))
    moved = groups.apply([groups.Step(change.decision.pk, change.pair, change.standing) for change in changes])
    pairs = {change.pair.pk: change.pair for change in changes}
    for change in changes:
        change.pair.standing = change.standing
        if change.decision.verdict == Verdict.WITHDRAW:
            change.pair.text_changed = _on_another_text(change.pair, change.standing)
        change.pair.stage = opinions.stage(histories[change.pair.pk], pair=change.pair)
    written = {}
    for pair in pairs.values():
        written[pair.pk] = {"standing": pair.standing_id, "text_changed": pair.text_changed, "stage": str(pair.stage)}
        written[pair.pk] |= open_pairs.close_decided(pair)
    open_pairs.write(list(pairs.values()), written)
    closed = open_pairs.save_places([*pairs.values(), *open_pairs.beside(moved, but=pairs)])
    moved.settled = sum(pair.pk not in pairs for pair in closed)
    return moved


def _logged(which: Q) -> list[Decision]:
    """What the log has, in its order, with the policies under which it was decided."""
    return list(Decision.objects.select_related("policy").filter(which).order_by("pk"))


def _on_another_text(pair: Pair, stands: Decision | None) -> bool:
    """Whether a person's standing verdict was given on other texts than the pair has now."""
    return (
        stands is not None
        and stands.by == By.PERSON
        and (stands.left_hash, stands.right_hash) != (pair.left.text_hash, pair.right.text_hash)
    )


def for_update(pair_ids: Iterable[int]) -> list[Pair]:
    """Pairs with all that a decision freezes, locked until the transaction ends, in the order of their ids."""
    read = Pair.objects.select_for_update(of=("self",)).select_related("left", "right", "score", "reverse_score", "policy", "standing")
    return list(read.only(*FROZEN).filter(pk__in=list(pair_ids)).order_by("pk"))


def _pair_for_update(pair_id: int) -> Pair:
    found = for_update([pair_id])
    if not found:
        raise DecisionError(_("This pair does not exist."))
    return found[0]


def check_reject_reason(reject_reason: str, *, verdict: str) -> None:
    """Raises DecisionError unless the reason is a known one beside a reject, or none."""
    if reject_reason and verdict != Verdict.REJECT:
        raise DecisionError(_("A reason goes with “different” only."))
    if reject_reason and reject_reason not in Decision.RejectReason.values:
        raise DecisionError(_("This reason is not one of those offered."))


def check_texts(pair: Pair, as_seen: Callable[[Pair], bool] | None) -> None:
    """Raises Outdated when the person saw other texts than the pair has."""
    if as_seen is not None and not as_seen(pair):
        raise Outdated(_("A shop changed one of the texts since you looked."))


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
    as_seen: Callable[[Pair], bool] | None = None,
    savepoint: bool = True,
) -> Decision:
    """A person's verdict on a pair: accept, reject or unsure.

    `seen_standing` is the id of the decision (or None) that stood when the person looked, and `as_seen` says whether the texts are
    still those they saw; `request_id` makes a repeated press one decision. `reject_reason` is a Decision.RejectReason and goes with a
    reject only; a policy may require it. Without a `savepoint` a refusal ends the transaction around this too. Raises DecisionError, or
    Outdated when somebody decided since or a text changed.
    """
    if verdict not in (Verdict.ACCEPT, Verdict.REJECT, Verdict.UNSURE):
        raise DecisionError(_("Choose same, different or unsure."))
    check_reject_reason(reject_reason, verdict=verdict)
    note = note.strip()
    if len(note) > LONGEST_NOTE:
        raise DecisionError(_("The note is longer than %(limit)s characters.") % {"limit": LONGEST_NOTE})
    actor = Actor.of(user).uuid
    with transaction.atomic(savepoint=savepoint):
        logbook.lock()
        log = _logged(Q(pair=pair_id) | Q(request_id=request_id) if request_id else Q(pair=pair_id))
        if request_id and (repeated := next((one for one in log if one.request_id == request_id), None)):
            if (repeated.pair_id, repeated.verdict, repeated.actor) != (pair_id, verdict, actor):
                raise DecisionError(_("This press was already used for another verdict."))
            return repeated
        pair = _pair_for_update(pair_id)
        if seen_standing is not UNSEEN and seen_standing != pair.standing_id:
            raise Outdated(_("Someone decided this pair since you opened it."))
        check_texts(pair, as_seen)
        if verdict == Verdict.REJECT and not (reason or reject_reason) and asks_reject_reason(pair):
            raise DecisionError(_("Say why it is different: here every “different” needs its reason."))
        if not reason:
            _check_asked(pair, verdict=verdict, user=user)
        pair.text_changed = pair.text_changed and verdict == Verdict.UNSURE
        decision = _frozen(
            pair,
            verdict=verdict,
            by=By.PERSON,
            actor=actor,
            request_id=request_id,
            reason=reason or opinions.REASONS.get(Pair.Stage(pair.stage), ""),
            reject_reason=reject_reason,
            seconds=None if seconds is None else max(0.0, min(seconds, 86_400.0)),
            note_hash=rendering.hash_text(note) if note else "",
        )
        _record([decision], log)
        if note:
            Note.objects.create(decision=decision, text=note)
    return decision


def check_act(pairs: Iterable[Pair], *, verdict: str, reject_reason: str = "") -> None:
    """Raises DecisionError unless the verdict can be given to all of these pairs at once."""
    if verdict not in opinions.DEFINITE:
        raise DecisionError(_("Choose same or different."))
    check_reject_reason(reject_reason, verdict=verdict)
    for pair in pairs:
        if pair.stage in (Pair.Stage.SECOND, Pair.Stage.ADJUDICATION):
            raise DecisionError(_("A pair that waits for another opinion is not decided in bulk."))
        if verdict == Verdict.REJECT and not reject_reason and asks_reject_reason(pair):
            raise DecisionError(_("Say why they are different: here every “different” needs its reason."))


def decide_all(*, pairs: Sequence[Pair], verdict: str, user: User, act: uuid.UUID, reject_reason: str = "") -> groups.Moved:
    """One person's verdict, same or different, on many pairs in one act. Inside a transaction that holds the log; the pairs are from
    `for_update`. Raises DecisionError, with nothing taken.
    """
    check_act(pairs, verdict=verdict, reject_reason=reject_reason)
    actor = Actor.of(user).uuid
    for pair in pairs:
        pair.text_changed = False
    entries = [
        _frozen(pair, verdict=verdict, by=By.PERSON, actor=actor, act=act, reason=opinions.BULK, reject_reason=reject_reason)
        for pair in pairs
    ]
    moved = _record(entries)
    detail = {"verdict": verdict, "reject_reason": reject_reason, "pairs": len(entries), "settled": moved.settled}
    AuditEvent.objects.create(actor=actor, action=IN_BULK, subject=f"act {act}", detail=detail)
    return moved


def _check_asked(pair: Pair, *, verdict: str, user: User) -> None:
    """Raises DecisionError where the pair waits for somebody else's opinion, or for a definite one."""
    if pair.stage not in (Pair.Stage.SECOND, Pair.Stage.ADJUDICATION):
        return
    if pair.stage == Pair.Stage.ADJUDICATION and not user.is_admin:
        raise DecisionError(_("Two people differ on this pair: an admin decides it."))
    if not Pair.objects.filter(opinions.open_to(user), pk=pair.pk).exists():
        raise DecisionError(_("You have given your opinion on this pair: somebody else gives the next one."))
    if pair.stage == Pair.Stage.ADJUDICATION and verdict == Verdict.UNSURE:
        raise DecisionError(_("Two people differ on this pair: choose same or different, or leave it to another admin."))


def withdraw(*, decision_id: int, user: User) -> Decision:
    """Take a person's verdict back, the latest on its pair: what was before it is again. Raises DecisionError, or Outdated."""
    with transaction.atomic():
        logbook.lock()
        ended = Decision.objects.filter(pk=decision_id).exclude(verdict=Verdict.WITHDRAW).first()
        if ended is None:
            raise DecisionError(_("This decision does not exist."))
        if ended.by == By.POLICY:
            raise DecisionError(_("A policy's accept is ended by deciding the pair, not by taking it back."))
        actor = Actor.of(user).uuid
        if ended.actor != actor and not user.is_admin:
            raise DecisionError(_("A verdict is taken back by whoever gave it, or by an admin."))
        if not Decision.objects.filter(opinions.latest(), pk=ended.pk).exists():
            raise Outdated(_("This decision no longer stands, so there is nothing to take back."))
        return _take_back([ended], actor=actor)[0]


def withdraw_act(*, act: uuid.UUID, user: User) -> ActUndone:
    """Take back whatever of a bulk act is still the latest on its pair, in one. Raises DecisionError, or Outdated when nothing is."""
    with transaction.atomic():
        logbook.lock()
        actor = Actor.of(user).uuid
        whole = Decision.objects.filter(act=act).exclude(verdict=Verdict.WITHDRAW)
        makers = set(whole.values_list("actor", flat=True).distinct())
        if not makers:
            raise DecisionError(_("This decision does not exist."))
        if makers != {actor} and not user.is_admin:
            raise DecisionError(_("A verdict is taken back by whoever gave it, or by an admin."))
        ended = list(whole.filter(opinions.latest()).order_by("pk"))
        if not ended:
            raise Outdated(_("This decision no longer stands, so there is nothing to take back."))
        undone = ActUndone(withdrawn=_take_back(ended, actor=actor), left=whole.count() - len(ended))
        detail = {"withdrawn": len(ended), "left": undone.left}
        AuditEvent.objects.create(actor=actor, action=BULK_UNDONE, subject=f"act {act}", detail=detail)
    return undone


def _take_back(ended: Sequence[Decision], *, actor: uuid.UUID) -> list[Decision]:
    pairs = {pair.pk: pair for pair in for_update({decision.pair_id for decision in ended})}
    entries = [
        _frozen(pairs[decision.pair_id], verdict=Verdict.WITHDRAW, by=By.PERSON, actor=actor, withdraws=decision, act=decision.act)
        for decision in ended
    ]
    _record(entries)
    follow_routes(list(pairs.values()))
    return entries


def undoable(user: User, limit: int = 50) -> list[Decision]:
    """Which of this person's last decisions they can take back, the newest first: see `within_reach`."""
    found = Decision.objects.filter(pk__in=within_reach(user, limit))
    return list(found.select_related("pair__left", "pair__right", "pair__query").order_by("-pk"))


def within_reach(user: User, limit: int = 50) -> set[int]:
    """The ids of this person's last decisions that they can take back: those that are still the latest on their pair.

    A bulk act counts, and is undone, as one: by whichever of its decisions is told here.
    """
    mine = Decision.objects.filter(actor__in=Actor.objects.filter(user=user).values("uuid")).exclude(verdict=Verdict.WITHDRAW)
    earlier = Decision.objects.filter(act=OuterRef("act"), pk__lt=OuterRef("pk")).exclude(verdict=Verdict.WITHDRAW)
    presses = list(mine.filter(~Exists(earlier)).order_by("-pk").values_list("pk", "act")[:limit])
    reached = Q(pk__in=[pk for pk, _act in presses]) | Q(act__in=[act for _pk, act in presses if act])
    found: dict[uuid.UUID | int, int] = {}
    for pk, act in mine.filter(reached, opinions.latest()).order_by("-pk").values_list("pk", "act"):
        found.setdefault(act or pk, pk)
    return set(found.values())


def undo(*, user: User) -> Decision | None:
    """Take back this person's latest decision that can be, with the whole act if it was a bulk one. None when there is nothing to undo."""
    latest = next(iter(undoable(user)), None)
    if latest is None:
        return None
    try:
        return withdraw_act(act=latest.act, user=user).withdrawn[-1] if latest.act else withdraw(decision_id=latest.pk, user=user)
    except Outdated:
        return None


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
            why = "guarded" if pair.guard else reason
            decisions.append(_frozen(pair, verdict=Verdict.WITHDRAW, by=By.POLICY, withdraws=stands, reason=why))
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
    for pair_id, found in groupby(rows, key=lambda decision: decision.pair_id):
        history = list(found)
        for place, decision in enumerate(history):
            if wrong := _wrong(decision, history[:place]):
                problems.append(f"decision {decision.pk} on pair {pair_id} {wrong}")
        pair, stands = history[0].pair, standing(history)
        if pair.standing_id != (stands.pk if stands else None):
            problems.append(f"pair {pair_id} holds decision {pair.standing_id} as standing, the log says {stands and stands.pk}")
        given = opinions.persons(history)
        if (pair.stage == Pair.Stage.ADJUDICATION) != opinions.differ(given):
            problems.append(f"pair {pair_id} is in the stage {pair.stage}, the log says otherwise of an adjudication")
        if pair.stage == Pair.Stage.SECOND and not (given and given[-1].verdict in opinions.DEFINITE and not given[-1].reason):
            problems.append(f"pair {pair_id} waits for a second opinion without a first")
    logged = Decision.objects.values("pair")
    problems += [
        f"pair {pair} has a standing decision that is not its own"
        for pair in Pair.objects.filter(standing__isnull=False).exclude(pk__in=logged).values_list("pk", flat=True)
    ]
    problems += [
        f"pair {pair} is in the stage {stage} without a decision"
        for pair, stage in Pair.objects.exclude(stage=Pair.Stage.FIRST).exclude(pk__in=logged).values_list("pk", "stage")
    ]
    for note in Note.objects.select_related("decision").iterator(chunk_size=2000):
        if rendering.hash_text(note.text) != note.decision.note_hash:
            problems.append(f"the note of decision {note.decision_id} is not the one that was written")
    return problems


def _wrong(decision: Decision, earlier: Sequence[Decision]) -> str:
    """What is wrong with one decision after the earlier ones of its pair; empty when nothing is."""
    given = opinions.persons(earlier)
    if decision.verdict == Verdict.WITHDRAW:
        ended = next((one for one in earlier if one.pk == decision.withdraws_id), None)
        if ended is None:
            return "withdraws one that is not an earlier decision on it"
        if ended.by != decision.by:
            return f"of a {decision.by} withdraws one of a {ended.by}"
        if ended.by == By.PERSON and (not given or given[-1].pk != ended.pk):
            return "withdraws one that was not the latest"
    elif decision.by == By.POLICY:
        return "of a policy was made over a person's verdict" if given else ""
    elif decision.reason == opinions.SECOND:
        if not given or given[-1].reason or given[-1].verdict not in opinions.DEFINITE:
            return "is a second opinion without a first"
        if given[-1].actor == decision.actor:
            return "is a second opinion of whoever gave the first"
    elif decision.reason == opinions.ADJUDICATION and not opinions.differ(given):
        return "is an adjudication of what nobody differs on"
    return ""
