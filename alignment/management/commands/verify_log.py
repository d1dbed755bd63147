from typing import Any

from django.core.management.base import BaseCommand, CommandError

from alignment import decisions
from alignment.export import snapshot


class Command(BaseCommand):
    help = "Check the decision log: triggers, withdrawals, standing decisions, notes."

    def handle(self, *args: Any, **options: Any) -> None:
        with snapshot():
            problems = decisions.verify()
        for problem in problems:
            self.stderr.write(problem)
        if problems:
            raise CommandError(f"{len(problems)} differences.")
        self.stdout.write(self.style.SUCCESS("The log is whole."))
