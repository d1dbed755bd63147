from typing import Any

from django.core.management.base import BaseCommand, CommandError

from alignment import groups, implied
from alignment.export import snapshot


class Command(BaseCommand):
    help = "Fold the whole log anew and compare with the stored groups, and with which pairs are open or implied."

    def handle(self, *args: Any, **options: Any) -> None:
        with snapshot():
            problems = groups.verify() + implied.verify()
        for problem in problems:
            self.stderr.write(problem)
        if problems:
            raise CommandError(f"{len(problems)} differences.")
        self.stdout.write(self.style.SUCCESS("Groups follow from the log: no difference."))
