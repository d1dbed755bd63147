from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from review import translations


class Command(BaseCommand):
    help = "Fail when a message has no translation. Write it in django.po, then run manage.py compilemessages."

    def handle(self, *args: Any, **options: Any) -> None:
        for compiled in sorted(Path(settings.LOCALE_PATHS[0]).glob("*/LC_MESSAGES/django.mo")):
            lacking = translations.missing(Path(settings.BASE_DIR), compiled)
            for message in lacking:
                self.stderr.write(f"{compiled.parent.parent.name}: {message!r}")
            if lacking:
                raise CommandError(f"{len(lacking)} messages are not translated into {compiled.parent.parent.name}.")
            self.stdout.write(f"{compiled.parent.parent.name} is complete.")
