"""What waits to be scored, who holds it, and what was stored. No torch here: the machine's part is in `workers`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Length
from django.utils import timezone

from alignment import decisions, logbook, open_pairs, pair_routes, rendering, scoring_runs, told, wake_ups
from alignment.models import (
    Actor,
    AuditEvent,
    Candidate,
    CandidateSet,
    Category,
    Decision,
    Pair,
    Score,
    ScoringModel,
    ScoringRun,
    User,
    Worker,
)
from alignment.policies import Policies, render_instruction

Status = CandidateSet.Status
MOST_ATTEMPTS = 3
LOOK_AHEAD = 32
AT_ONCE = 500
NOT_SCORED = [status for status in Status.values if status != Status.SCORED]
# Whoever stores sets commits long before so many ids more are given.
NEW_SETS = 10_000
OLD_SETS, OLD_SETS_SECONDS = "old-candidate-sets", 600


@dataclass(frozen=True)
class Inputs:
    """What a score's identity rests on, beside its model: hashes of the instruction and of both texts."""

    instruction: str
    query: str
    document: str


@dataclass(frozen=True)
class Fact:
    """One computed score on its way into the database."""

    inputs: Inputs
    logit: float
    probability: float
    tokens_read: int
    tokens_cut: int


@dataclass
class Work:
    """One claimed set as the engine needs it: an instruction, a query text, and the texts that have no score yet."""

    set: CandidateSet
    generation: int
    instruction: str
    query: str
    documents: dict[Inputs, str]


def claim(*, holder: str, token_budget: int) -> list[CandidateSet]:
    """Take waiting sets, interactive ones first, up to a budget of estimated tokens: at least one set where one waits.

    A set that failed in company comes alone. The attempt is counted here, so that a set that kills its process is counted too.
    """
    while True:
        with transaction.atomic():
            rows = _first_waiting()
            if not rows:
                return []
            cancelled = scoring_runs.cancelled_among(rows)
            if not cancelled:
                return _take(rows, holder=holder, token_budget=token_budget)
        for run in cancelled:
            scoring_runs.follow(run)


def _first_waiting() -> list[CandidateSet]:
    waiting = CandidateSet.objects.filter(Q(not_before__isnull=True) | Q(not_before__lte=timezone.now()), status=Status.PENDING)
    return list(waiting.select_for_update(skip_locked=True).order_by(F("interactive").desc(), "id")[:LOOK_AHEAD])


def _take(rows: Sequence[CandidateSet], *, holder: str, token_budget: int) -> list[CandidateSet]:
    sizes = _estimated_tokens([row.pk for row in rows])
    chosen: list[CandidateSet] = []
    budget = token_budget
    for row in rows:
        if chosen and (row.alone or row.interactive != chosen[0].interactive or sizes[row.pk] > budget):
            break
        chosen.append(row)
        budget -= sizes[row.pk]
        if row.alone:
            break
    held = {
        "status": Status.CLAIMED,
        "holder": holder,
        "attempts": F("attempts") + 1,
        "lease_expires_at": timezone.now() + timedelta(seconds=settings.SCORING_LEASE_SECONDS),
    }
    return [row for row in chosen if CandidateSet.objects.filter(pk=row.pk, status=Status.PENDING).update(**held) == 1]


def _estimated_tokens(set_ids: Sequence[int]) -> dict[int, int]:
    """About how many tokens a set costs: a token for two characters, and the prompt's own for each candidate."""
    found = (
        Candidate.objects.filter(set__in=set_ids)
        .values("set")
        .annotate(count=Count("id"), characters=Sum(Length("sku__title") + Length("sku__description")))
    )
    sizes = {row["set"]: row["characters"] // 2 + 40 * row["count"] for row in found}
    return {set_id: sizes.get(set_id, 0) for set_id in set_ids}


def renew(*, holder: str, sets: Sequence[CandidateSet]) -> None:
    """Hold claimed sets for another term. Called after progress only, so that a hung device loses its claim."""
    expires = timezone.now() + timedelta(seconds=settings.SCORING_LEASE_SECONDS)
    CandidateSet.objects.filter(pk__in=[s.pk for s in sets], status=Status.CLAIMED, holder=holder).update(lease_expires_at=expires)
    Worker.objects.filter(name=holder).update(seen_at=timezone.now())


def prepare(sets: Sequence[CandidateSet], *, model: ScoringModel) -> list[Work]:
    """Render what the engine must compute for claimed sets; what is stored already under the same inputs is left out."""
    policies = Policies()
    rows = CandidateSet.objects.select_related("query__source", "query__category", "category").in_bulk([s.pk for s in sets])
    candidates: dict[int, list[Candidate]] = defaultdict(list)
    for candidate in Candidate.objects.filter(set__in=rows).select_related("sku").order_by("set", "rank"):
        candidates[candidate.set_id].append(candidate)
    works = []
    for row in rows.values():
        instruction, instruction_hash = _instruction(row, policies)
        documents = {
            Inputs(instruction_hash, row.query.text_hash, candidate.sku.text_hash): rendering.render(candidate.sku)
            for candidate in candidates[row.pk]
        }
        works.append(Work(row, row.generation, instruction, rendering.render(row.query), documents))
    stored = _stored_scores({inputs for work in works for inputs in work.documents}, model)
    seen = set(stored)
    for work in works:
        work.documents = {inputs: text for inputs, text in work.documents.items() if inputs not in seen}
        seen |= work.documents.keys()
    return works


def _category(row: CandidateSet) -> Category | None:
    return row.category or row.query.category


def _instruction(row: CandidateSet, policies: Policies) -> tuple[str, str]:
    category = _category(row)
    text = render_instruction(policies.of(category.pk if category else None), category=category, query=row.query)
    return text, rendering.hash_text(text)


def _stored_scores(wanted: Iterable[Inputs], model: ScoringModel) -> dict[Inputs, Score]:
    wanted = set(wanted)
    queries = sorted({inputs.query for inputs in wanted})
    found: dict[Inputs, Score] = {}
    for start in range(0, len(queries), 200):
        chunk = set(queries[start : start + 200])
        documents = {inputs.document for inputs in wanted if inputs.query in chunk}
        for score in Score.objects.filter(model=model, query_hash__in=chunk, document_hash__in=documents):
            inputs = Inputs(score.instruction_hash, score.query_hash, score.document_hash)
            if inputs in wanted:
                found[inputs] = score
    return found


def store(*, works: Sequence[Work], facts: Sequence[Fact], model: ScoringModel, holder: str) -> int:
    """Store computed scores and, for sets this holder still holds unchanged, their routes and what follows. One small transaction.

    Returns how many sets were finished. Scores are facts and are kept even when the claim was lost or the inputs changed meanwhile.
    """
    with transaction.atomic():
        logbook.lock()
        Score.objects.bulk_create(
            [
                Score(
                    model=model,
                    instruction_hash=fact.inputs.instruction,
                    query_hash=fact.inputs.query,
                    document_hash=fact.inputs.document,
                    probability=fact.probability,
                    logit=fact.logit,
                    tokens_read=fact.tokens_read,
                    tokens_cut=fact.tokens_cut,
                )
                for fact in facts
            ],
            ignore_conflicts=True,
        )
        held = {
            row.pk: row
            for row in CandidateSet.objects.select_for_update(of=("self",))
            .select_related("query__source", "query__category", "category")
            .filter(pk__in=[work.set.pk for work in works], status=Status.CLAIMED, holder=holder)
        }
        finished = [held[work.set.pk] for work in works if work.set.pk in held and held[work.set.pk].generation == work.generation]
        complete = _attach(finished, model, Policies())
        CandidateSet.objects.filter(pk__in=complete).update(
            status=Status.SCORED,
            holder="",
            lease_expires_at=None,
            error="",
            scored_at=timezone.now(),
            attempts=0,
            alone=False,
            not_before=None,
            scoring_run=None,
        )
        CandidateSet.objects.filter(pk__in=[row.pk for row in finished if row.pk not in complete]).update(
            status=Status.PENDING, holder="", lease_expires_at=None
        )
        scoring_runs.scored([row for row in finished if row.pk in complete])
        pair_routes.route_sets(complete)
    return len(complete)


def _attach(rows: Sequence[CandidateSet], model: ScoringModel, policies: Policies) -> list[int]:
    """Point candidates at their scores. Returns the sets in which every candidate has one."""
    candidates = list(Candidate.objects.filter(set__in=[row.pk for row in rows]).select_related("sku"))
    by_id = {row.pk: row for row in rows}
    instructions = {row.pk: _instruction(row, policies)[1] for row in rows}
    inputs = {
        candidate.pk: Inputs(instructions[candidate.set_id], by_id[candidate.set_id].query.text_hash, candidate.sku.text_hash)
        for candidate in candidates
    }
    scores = _stored_scores(inputs.values(), model)
    incomplete, changed = set(), []
    for candidate in candidates:
        score = scores.get(inputs[candidate.pk])
        if score is None:
            incomplete.add(candidate.set_id)
        elif candidate.score_id != score.pk:
            candidate.score = score
            changed.append(candidate)
    Candidate.objects.bulk_update(changed, ["score"], batch_size=300)
    return [row.pk for row in rows if row.pk not in incomplete]


def fail(*, sets: Sequence[CandidateSet], holder: str, error: str) -> None:
    """Give failed sets back: each alone from now on, later each time, parked with its error at the third attempt."""
    now = timezone.now()
    for row in CandidateSet.objects.filter(pk__in=[s.pk for s in sets], status=Status.CLAIMED, holder=holder):
        _give_back(row, error=error, not_before=now + timedelta(seconds=2**row.attempts))


def _give_back(row: CandidateSet, *, error: str, not_before: datetime | None) -> None:
    parked = row.attempts >= MOST_ATTEMPTS
    with transaction.atomic():
        given = CandidateSet.objects.filter(pk=row.pk, status=Status.CLAIMED, holder=row.holder).update(
            status=Status.PARKED if parked else Status.PENDING,
            holder="",
            lease_expires_at=None,
            alone=True,
            error=error[:2000],
            not_before=None if parked else not_before,
            scoring_run=None if parked else F("scoring_run"),
        )
        if given and parked:
            scoring_runs.failed(row)


def put_back(*, sets: Sequence[CandidateSet], holder: str) -> None:
    """Give claimed sets back as they were: what went wrong was not theirs, so that no attempt is counted."""
    held = CandidateSet.objects.filter(pk__in=[s.pk for s in sets], status=Status.CLAIMED, holder=holder)
    held.update(status=Status.PENDING, holder="", lease_expires_at=None, attempts=F("attempts") - 1)


def retry(*, sets: QuerySet[CandidateSet], user: User) -> int:
    """Put those that failed back in the queue with three new attempts: one act, and one run. Returns how many."""
    with transaction.atomic():
        ids = list(sets.filter(status=Status.PARKED).select_for_update(of=("self",)).values_list("pk", flat=True))
        if not ids:
            return 0
        run = scoring_runs.start(ScoringRun.Kind.RETRY, author=user)
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            CandidateSet.objects.filter(pk__in=some).update(status=Status.PENDING, attempts=0, error="", not_before=None)
            scoring_runs.join(run, some)
        detail = {"kind": run._meta.model_name, "run": str(run.uuid), "sets": len(ids)}
        AuditEvent.objects.create(actor=Actor.of(user).uuid, action="retry scoring", subject=f"{len(ids)} candidate sets", detail=detail)
        wake_ups.wake()
    return len(ids)


def sweep() -> int:
    """Free the claims that died, and wake whoever can work. Returns how many claims were freed."""
    freed = 0
    for row in CandidateSet.objects.filter(status=Status.CLAIMED, lease_expires_at__lt=timezone.now()).order_by("id")[:500]:
        _give_back(row, error=told.SET_LOST, not_before=None)
        freed += 1
    scoring_runs.follow_interrupted()
    scoring_runs.finish_over()
    if CandidateSet.objects.filter(status=Status.PENDING).exists():
        wake_ups.wake()
    return freed


def set_waiting(sets: Q) -> int:
    """Have sets scored anew: their inputs changed. A result still being computed for the old inputs is told by its generation."""
    left = scoring_runs.leave_cancelled(sets)
    waiting = CandidateSet.objects.filter(sets).update(
        status=Status.PENDING,
        holder="",
        lease_expires_at=None,
        attempts=0,
        alone=False,
        error="",
        not_before=None,
        generation=F("generation") + 1,
    )
    scoring_runs.count_left(left)
    return waiting


def sku_changed(sku_ids: Sequence[int]) -> None:
    """Rendered texts changed: score anew, withdraw what policies decided, return what people decided to a reviewer, marked.

    Inside the caller's transaction.
    """
    logbook.lock()
    proposing = Candidate.objects.filter(sku__in=sku_ids).values("set")
    set_waiting(Q(query__in=sku_ids) | Q(pk__in=proposing))
    pairs = list(
        Pair.objects.select_related("left", "right", "score", "reverse_score", "policy", "standing")
        .filter(Q(left__in=sku_ids) | Q(right__in=sku_ids))
        .order_by("pk")
    )
    for pair in pairs:
        pair.route, pair.guard = Pair.Route.WAITING, ""
        pair.text_changed = pair.standing is not None and pair.standing.by == Decision.By.PERSON
        # A second opinion on another text would not be about what the first one saw.
        pair.stage = Pair.Stage.FIRST if pair.text_changed and pair.stage == Pair.Stage.SECOND else pair.stage
    open_pairs.refresh(pairs)
    Pair.objects.bulk_update(pairs, ["route", "guard", "text_changed", *open_pairs.FIELDS], batch_size=200)
    decisions.follow_routes(pairs, reason="text changed")
    wake_ups.wake()


def progress() -> dict[str, int]:
    """How many sets stand in each status.

    Nearly all of a large catalogue are scored: they are what is left of all, and of all the old ones are counted now and then.
    """
    last, old = cache.get(OLD_SETS) or (_last_old_set(), None)
    sets = CandidateSet.objects.order_by()
    parts = {"newer": Q(pk__gt=last)} | ({"old": Q(pk__lte=last)} if old is None else {})
    of_all = [sets.filter(part).annotate(of=Value(name)).values_list("of").annotate(count=Count("pk")) for name, part in parts.items()]
    others = sets.filter(status__in=NOT_SCORED).values_list("status").annotate(count=Count("pk"))
    counted = dict(others.union(*of_all, all=True))
    if old is None:
        old = counted["old"]
        cache.set(OLD_SETS, (last, old), OLD_SETS_SECONDS)
    counts = {status: counted.get(status, 0) for status in NOT_SCORED}
    return counts | {Status.SCORED.value: max(0, old + counted["newer"] - sum(counts.values()))}


def _last_old_set() -> int:
    """No set is ever taken out, and up to this one none comes any more."""
    newest = CandidateSet.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return max(0, newest - NEW_SETS)
