from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from alignment import catalogue, importing
from alignment.models import CandidateSet, Category, ImportRun, PolicyVersion, Source
from alignment.policies import publish
from alignment.sample import FOLDER, SHOPS, load

POLICIES = {
    "Baby": "Given a listing of a product for babies, judge whether the document is a listing of exactly the same product with equal "
    "safety certification, age range, size and quantity. Language, wording and shop do not matter.",
    "Power": "Given a listing of a power product, judge whether the document is a listing of exactly the same product with equal technical "
    "parameters: voltage, current, power, capacity, connectors and quantity. Language, wording and shop do not matter.",
}


class Command(BaseCommand):
    help = "Load the sample catalogue, its policies and its candidates, once. Run again, it changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        listings = load()
        for shop, language in SHOPS.items():
            source, _made = Source.objects.get_or_create(name=shop, defaults={"language": language})
            if source.import_runs.filter(status=ImportRun.Status.DONE).exists():
                continue
            run = ImportRun.objects.create(source=source, file_name=f"{shop}.jsonl")
            importing.run_import(run=run, path=FOLDER / f"{shop}.jsonl")
        for path, instruction in POLICIES.items():
            category = catalogue.get_category(path, create=True)
            assert category is not None
            if not PolicyVersion.objects.filter(category=category).exists():
                publish(category=category, instruction=instruction, accept_at=0.9, review_at=0.7, author=None, note="Came with the sample")
        if not CandidateSet.objects.filter(origin=CandidateSet.Origin.RETRIEVAL).exists():
            # A shop of the sample lists a product once.
            call_command("build_candidates", k=10, other_source=True, stdout=self.stdout)
        self.stdout.write(f"The sample is in: {len(listings)} listings in {Category.objects.count() - 1} categories.")
