import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from alignment import candidates, runs
from alignment.models import CandidateRun, Category, Source

SAID_EVERY_SECONDS = 2.0


class Command(BaseCommand):
    help = "Propose candidates for every listed SKU: BM25 fused with the vectors of the encoder in RETRIEVAL_ENCODER."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--k", type=int, default=settings.CANDIDATES_PER_QUERY, help="candidates for each SKU at most (1 to 500)")
        parser.add_argument("--minimum", type=float, default=0.0, help="smallest fused score, 0 to 1")
        parser.add_argument("--other-source", action="store_true", help="candidates of another source only")
        parser.add_argument("--other-language", action="store_true", help="candidates of another language only")
        parser.add_argument("--category-levels", type=int, default=0, help="so many levels of the category must be the same (0: any)")
        parser.add_argument("--source", help="propose for this source's SKUs only (candidates come from all)")
        parser.add_argument("--category", help="propose for SKUs in this category and below only")
        parser.add_argument("--changed", action="store_true", help="propose only for what is new or changed, and what that can affect")

    def handle(self, *args: Any, **options: Any) -> None:
        from workers import building

        run = self._run(options)
        started = said = time.monotonic()

        def say(done: int, of: int) -> None:
            nonlocal said
            if done == of or time.monotonic() - said > SAID_EVERY_SECONDS:
                said = time.monotonic()
                self.stdout.write(f"{done} of {of} ({said - started:.0f} s)")

        run.save()
        try:
            finished = building.work(run.pk, say=say)
        except KeyboardInterrupt:
            runs.cancel(run)
            raise CommandError("Stopped; what was stored until then is kept.") from None
        if finished is None or finished.status == CandidateRun.Status.CANCELLED:
            raise CommandError("The run was cancelled; what it stored until then is kept.")
        if finished.error:
            raise CommandError(finished.error)
        seconds = time.monotonic() - started
        self.stdout.write(self.style.SUCCESS(f"{finished.sets_changed} candidate sets wait to be scored ({seconds:.0f} s)."))

    def _run(self, options: dict[str, Any]) -> CandidateRun:
        if not 1 <= options["k"] <= candidates.MOST_CANDIDATES:
            raise CommandError(f"--k is {options['k']}; it must be from 1 to {candidates.MOST_CANDIDATES}.")
        if options["category_levels"] < 0:
            raise CommandError(f"--category-levels is {options['category_levels']}; it must be 0 or more.")
        if not 0 <= options["minimum"] <= 1:
            raise CommandError(f"--minimum is {options['minimum']}; it must be from 0 to 1.")
        source = category = None
        if options["source"] and (source := Source.objects.filter(name=options["source"]).first()) is None:
            raise CommandError(f"There is no source {options['source']!r}.")
        if options["category"] and (category := Category.objects.filter(path=options["category"]).first()) is None:
            raise CommandError(f"There is no category {options['category']!r}.")
        names = ("k", "minimum", "other_source", "other_language", "category_levels")
        return CandidateRun(**{name: options[name] for name in names}, changed_only=options["changed"], source=source, category=category)
