from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.db.models import Max, Q

from alignment import scoring, scoring_runs, wake_ups
from alignment.models import CandidateSet, ScoringRun

CHUNK = 1000


class Command(BaseCommand):
    help = "Have every candidate set scored anew, after switching RERANKER_MODEL. Scores already stored for the model are reused."

    def handle(self, *args: Any, **options: Any) -> None:
        last = CandidateSet.objects.aggregate(last=Max("id"))["last"] or 0
        count, run = 0, scoring_runs.start(ScoringRun.Kind.RESCORE)
        for start in range(0, last, CHUNK):
            chunk = Q(pk__gt=start, pk__lte=start + CHUNK)
            with transaction.atomic():
                count += scoring.set_waiting(chunk)
                scoring_runs.join(run, list(CandidateSet.objects.filter(chunk).values_list("pk", flat=True)))
        wake_ups.wake()
        self.stdout.write(f"{count} candidate sets wait to be scored.")
