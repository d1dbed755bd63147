"""An installation of before the review flow, with work in it, is brought up to date."""

from __future__ import annotations

import pytest

from tests.processes.conftest import Site

pytestmark = pytest.mark.processes

BEFORE = """
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
models = MigrationExecutor(connection).loader.project_state([("alignment", "0007_candidate_runs")]).apps
make = lambda model, **fields: models.get_model("alignment", model).objects.create(**fields)
source = make("Source", name="Shop")
skus = [
    make("SKU", source=source, external_id=str(i), title=f"Kettle {i}", language=("zh", "en")[i % 2], content_hash=str(i), text_hash=str(i))
    for i in range(4)
]
for i, right in enumerate(skus[1:]):
    make("Pair", left=skus[0], right=right, query=right, route="review", in_review=True, escalated=i == 0, due_since=timezone.now())
"""


def test_what_was_open_and_escalated_stays_so(empty_site: Site) -> None:
    empty_site.manage("migrate", "alignment", "0007")
    empty_site.manage("migrate", "review", "0001")
    empty_site.shell(BEFORE)
    empty_site.manage("migrate")
    found = empty_site.rows("SELECT stage, languages, order_key > 0 FROM alignment_pair WHERE in_review ORDER BY id")
    assert [(stage, languages, bool(placed)) for stage, languages, placed in found] == [
        ("escalated", "en|zh", True),
        ("first", "zh|zh", True),
        ("first", "en|zh", True),
    ]
    empty_site.manage("verify_groups")
