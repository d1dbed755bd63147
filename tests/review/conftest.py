"""Pages in tests name their static files as they are: nothing was collected."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def uncollected_static_files(settings):
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
