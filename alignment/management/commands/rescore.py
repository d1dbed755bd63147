from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Max, Q

from alignment import scoring, wake_ups
from alignment.models import CandidateSet

CHUNK = 1000


class Command(BaseCommand):
    help = "Have every candidate set scored anew, after switching RERANKER_MODEL. Scores already stored for the model are reused."

    def handle(self, *args: Any, **options: Any) -> None:
        last = CandidateSet.objects.aggregate(last=Max("id"))["last"] or 0
        count = sum(scoring.set_waiting(Q(pk__gt=start, pk__lte=start + CHUNK)) for start in range(0, last, CHUNK))
        wake_ups.wake()
        self.stdout.write(f"{count} candidate sets wait to be scored.")
