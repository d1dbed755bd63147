import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from alignment import candidates, catalogue, rendering, scoring
from alignment.models import SKU, Category, Source

EMBEDDINGS = Path(settings.BASE_DIR) / "workers" / "demo_model"


class Command(BaseCommand):
    help = "Propose candidates for every listed SKU: BM25 fused with the static embeddings that ship with the demo model."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--k", type=int, default=settings.CANDIDATES_PER_QUERY, help="candidates for each SKU at most (1 to 500)")
        parser.add_argument("--minimum", type=float, default=0.0, help="smallest fused score, 0 to 1")
        parser.add_argument("--source", help="propose for this source's SKUs only (candidates come from all)")
        parser.add_argument("--category", help="propose for SKUs in this category and below only")

    def handle(self, *args: Any, **options: Any) -> None:
        from workers.retrieval import Retriever

        k, minimum = options["k"], options["minimum"]
        if not 1 <= k <= candidates.MOST_CANDIDATES:
            raise CommandError(f"--k is {k}; it must be from 1 to {candidates.MOST_CANDIDATES}.")
        if not 0 <= minimum <= 1:
            raise CommandError(f"--minimum is {minimum}; it must be from 0 to 1.")
        started = time.monotonic()
        skus = SKU.objects.filter(delisted_at__isnull=True).order_by("pk").only("title", "attributes", "description")
        ids: list[int] = []
        texts: list[str] = []
        for sku in skus.iterator(chunk_size=2000):
            ids.append(sku.pk)
            texts.append(rendering.render(sku))
        if len(ids) < 2:
            raise CommandError("There are fewer than two listed SKUs: import a catalogue first.")
        chosen = self._chosen(options)
        rows = [row for row, sku in enumerate(ids) if chosen is None or sku in chosen]
        retriever = Retriever(texts, embeddings=EMBEDDINGS)
        self.stdout.write(f"Indexed {len(ids)} SKUs in {time.monotonic() - started:.1f} s.")

        def proposals() -> Iterator[candidates.Proposal]:
            for done, (row, found) in enumerate(retriever.candidates(rows, k, minimum=minimum), 1):
                if done % 1000 == 0 or done == len(rows):
                    self.stdout.write(f"{done} of {len(rows)} ({time.monotonic() - started:.0f} s)")
                    scoring.wake()
                yield candidates.Proposal(ids[row], [(ids[other], round(score, 6)) for other, score in found])

        changed = candidates.store_proposals(proposals())
        scoring.wake()
        self.stdout.write(self.style.SUCCESS(f"{changed} candidate sets wait to be scored ({time.monotonic() - started:.0f} s)."))

    def _chosen(self, options: dict[str, Any]) -> set[int] | None:
        wanted = SKU.objects.all()
        if options["source"]:
            if not Source.objects.filter(name=options["source"]).exists():
                raise CommandError(f"There is no source {options['source']!r}.")
            wanted = wanted.filter(source__name=options["source"])
        if options["category"]:
            if not Category.objects.filter(path=options["category"]).exists():
                raise CommandError(f"There is no category {options['category']!r}.")
            wanted = wanted.filter(catalogue.under(options["category"]))
        if not options["source"] and not options["category"]:
            return None
        return set(wanted.values_list("pk", flat=True))
