import os
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from alignment import accounts, processes


class Command(BaseCommand):
    help = "Start everything in the foreground: Redis, web, workers and beat. Ctrl-C stops all of it."

    def handle(self, *args: Any, **options: Any) -> None:
        processes.check_port()
        var = Path(settings.VAR_DIR)
        var.mkdir(parents=True, exist_ok=True)
        if settings.PRIVATE_REDIS:
            folder = processes.socket_path().parent
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
            processes.redis_binary()
        self.stdout.write("Preparing the database ...")
        call_command("migrate", verbosity=0, interactive=False)
        call_command("check", databases=["default"], verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)
        accounts.create_first()
        config = var / "supervisor.conf"
        descriptor = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(processes.supervisor_config())
        self.stdout.write("Starting ...")
        self.stdout.flush()
        os.environ["VAR_DIR"] = str(var)
        os.execv(sys.executable, [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(config)])  # noqa: S606
