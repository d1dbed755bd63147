from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alignment import tokens
from alignment.models import ApiToken, User


class Command(BaseCommand):
    help = "Make an API token for an account and print it, this once: only its hash is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="what it is for")
        parser.add_argument("--scope", choices=ApiToken.Scope.values, default=ApiToken.Scope.READ)
        parser.add_argument("--days", type=int, default=365, help="until it expires (1 to 3650)")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active account {options['username']!r}.")
        if not 1 <= options["days"] <= tokens.LONGEST_LIFE_DAYS:
            raise CommandError(f"--days is {options['days']}; it must be from 1 to {tokens.LONGEST_LIFE_DAYS}.")
        _made, text = tokens.create(user=user, name=options["name"], scope=options["scope"], days=options["days"], author=None)
        self.stdout.write(text)
