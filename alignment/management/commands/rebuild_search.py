from typing import Any

from django.core.management.base import BaseCommand

from alignment import search


class Command(BaseCommand):
    help = "Make the search index of all SKUs anew."

    def handle(self, *args: Any, **options: Any) -> None:
        done = 0
        for done in search.rebuild():
            if done % 50_000 == 0:
                self.stdout.write(f"{done} SKUs")
        self.stdout.write(self.style.SUCCESS(f"{done} SKUs can be found."))
