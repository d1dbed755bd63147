"""The accounts of the first run: an admin and two reviewers, with passwords that only their file knows."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from django.conf import settings
from django.db import transaction

from alignment.models import User

FIRST = {"admin": User.Role.ADMIN, "reviewer1": User.Role.REVIEWER, "reviewer2": User.Role.REVIEWER}


def path() -> Path:
    return Path(settings.VAR_DIR) / "accounts.txt"


def create_first() -> bool:
    """Create them where nobody has an account yet. Returns whether it did. Passwords that exist are never touched."""
    if User.objects.exists():
        return False
    passwords = {name: secrets.token_urlsafe(12) for name in FIRST}
    descriptor = os.open(path(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.writelines(f"{name} {password}\n" for name, password in passwords.items())
    with transaction.atomic():
        for name, role in FIRST.items():
            admin = role == User.Role.ADMIN
            User.objects.create_user(name, password=passwords[name], role=role, is_staff=admin, is_superuser=admin)
    return True
