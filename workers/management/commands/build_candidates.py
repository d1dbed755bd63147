import time
from collections import defaultdict
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
        parser.add_argument("--other-source", action="store_true", help="candidates of another source only")
        parser.add_argument("--other-language", action="store_true", help="candidates of another language only")
        parser.add_argument("--category-levels", type=int, default=0, help="so many levels of the category must be the same (0: any)")
        parser.add_argument("--source", help="propose for this source's SKUs only (candidates come from all)")
        parser.add_argument("--category", help="propose for SKUs in this category and below only")

    def handle(self, *args: Any, **options: Any) -> None:
        from workers.retrieval import Retriever
        from workers.retrieval.restriction import Restriction

        k, minimum = options["k"], options["minimum"]
        if not 1 <= k <= candidates.MOST_CANDIDATES:
            raise CommandError(f"--k is {k}; it must be from 1 to {candidates.MOST_CANDIDATES}.")
        if options["category_levels"] < 0:
            raise CommandError(f"--category-levels is {options['category_levels']}; it must be 0 or more.")
        if not 0 <= minimum <= 1:
            raise CommandError(f"--minimum is {minimum}; it must be from 0 to 1.")
        started = time.monotonic()
        skus = SKU.objects.filter(delisted_at__isnull=True).order_by("pk").select_related("category")
        fields = ("title", "attributes", "description", "gtin", "source_id", "language", "category__path")
        ids: list[int] = []
        texts: list[str] = []
        sources, languages, categories = [], [], []
        twins: dict[str, list[int]] = defaultdict(list)
        for sku in skus.only(*fields).iterator(chunk_size=2000):
            ids.append(sku.pk)
            texts.append(rendering.render(sku))
            sources.append(str(sku.source_id) if options["other_source"] else "")
            languages.append(sku.language if options["other_language"] else "")
            path = sku.category.path.split(Category.SEPARATOR) if sku.category else []
            categories.append(Category.SEPARATOR.join(path[: options["category_levels"]]))
            if sku.gtin:
                twins[sku.gtin].append(sku.pk)
        same = {sku: [other for other in alike if other != sku] for alike in twins.values() for sku in alike if len(alike) > 1}
        if len(ids) < 2:
            raise CommandError("There are fewer than two listed SKUs: import a catalogue first.")
        chosen = self._chosen(options)
        rows = [row for row, sku in enumerate(ids) if chosen is None or sku in chosen]
        retriever = Retriever(texts, embeddings=EMBEDDINGS, restriction=Restriction(sources, languages, categories))
        self.stdout.write(f"Indexed {len(ids)} SKUs in {time.monotonic() - started:.1f} s.")

        def proposals() -> Iterator[candidates.Proposal]:
            for done, (row, found) in enumerate(retriever.candidates(rows, k, minimum=minimum), 1):
                if done % 1000 == 0 or done == len(rows):
                    self.stdout.write(f"{done} of {len(rows)} ({time.monotonic() - started:.0f} s)")
                    scoring.wake()
                # What has the same GTIN is a candidate whatever it says, and the first.
                twin = same.get(ids[row], [])[:k]
                others = [(ids[other], round(score, 6)) for other, score in found if ids[other] not in twin]
                yield candidates.Proposal(ids[row], [*((sku, 1.0) for sku in twin), *others[: k - len(twin)]])

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
