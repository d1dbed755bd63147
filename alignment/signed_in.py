"""Who is signed in, read with the id by which the log names them: nearly every page of theirs needs both."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend

from alignment.models import User


class SignedIn(ModelBackend):
    def get_user(self, user_id: Any) -> User | None:
        user = User.objects.select_related("actor").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None
