import time
import urllib.error
import urllib.request
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from alignment import accounts

PATIENCE = 60


class Command(BaseCommand):
    help = "Wait until the web server answers, say where to look and how to sign in, and load the sample catalogue on the first run."

    def handle(self, *args: Any, **options: Any) -> None:
        address = f"http://localhost:{settings.PORT}/"
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if time.monotonic() > deadline:
                self.stderr.write(f"{address} does not answer yet; see {settings.VAR_DIR}/log/web.log")
                return
            time.sleep(0.2)
        self.stdout.write(f"\n  SKU Alignment answers at {address}")
        if accounts.path().exists():
            for line in accounts.path().read_text().splitlines():
                name, _space, password = line.partition(" ")
                self.stdout.write(f"  Sign in as {name:10} with the password {password}")
            self.stdout.write(f"  (kept in {accounts.path()}; logs are in {settings.VAR_DIR}/log)")
        self.stdout.write("  Ctrl-C stops everything.\n")
        self.stdout.flush()
        if settings.SAMPLE:
            call_command("load_sample", stdout=self.stdout)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{settings.PORT}/api/v1/health/", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
