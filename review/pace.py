"""How fast a run goes and how long it may still take, as pages tell it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q
from django.utils import timezone

from alignment import scoring_workers
from alignment.models import Candidate, CandidateSet, Run, ScoringRun, Worker

LOOKED_AT = 200
UNSCORED = Q(status__in=[CandidateSet.Status.PENDING, CandidateSet.Status.CLAIMED])


@dataclass(frozen=True)
class Pace:
    """`share` is 0 to 100, `seconds_left` an estimate; None where nothing is known yet."""

    done: int
    of: int | None
    per_second: float | None
    share: int | None
    seconds_left: float | None


def pace(run: Run, *, done: int, of: int | None) -> Pace:
    until = run.finished_at or timezone.now()
    seconds = (until - run.started_at).total_seconds() if run.started_at else 0.0
    per_second = done / seconds if done and seconds > 0.5 else None
    share = min(100, done * 100 // of) if of else None
    left = max(0, of - done) / per_second if of and per_second and run.unfinished else None
    return Pace(done, of, per_second, share, left)


@dataclass(frozen=True)
class Scoring:
    """How fast the workers score now, as they say themselves, and how many pairs a set has, by the sets that are next."""

    pairs_per_second: float
    pairs_per_set: float

    def sets_per_second(self) -> float | None:
        return self.pairs_per_second / self.pairs_per_set if self.pairs_per_second and self.pairs_per_set else None

    def seconds_for(self, sets: int) -> float | None:
        per_second = self.sets_per_second()
        return sets / per_second if sets and per_second else None


def scoring(workers: Sequence[Worker] | None = None) -> Scoring:
    """The pace of these workers, or of those that are alive."""
    alive = scoring_workers.alive() if workers is None else workers
    per_second = sum(worker.pairs_per_second or 0.0 for worker in alive)
    if not per_second:
        return Scoring(0.0, 0.0)
    following = CandidateSet.objects.filter(UNSCORED).order_by("pk").values("pk")[:LOOKED_AT]
    found = Candidate.objects.filter(set__in=following).aggregate(pairs=Count("pk"), sets=Count("set", distinct=True))
    return Scoring(per_second, found["pairs"] / found["sets"] if found["sets"] else 0.0)


def pace_of_scoring(run: ScoringRun, now: Scoring) -> Pace:
    """How far a run of scoring that is not over is, at the pace of this moment: the workers may have gone, come, or stood still."""
    share = min(100, run.sets_done * 100 // run.sets) if run.sets else None
    return Pace(run.sets_done, run.sets or None, now.sets_per_second(), share, now.seconds_for(run.sets_left))
