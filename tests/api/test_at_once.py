"""Programs that post at once: each is answered, whatever the order in which they name the same shops."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from alignment import candidates, policies
from alignment.importing import run_import
from alignment.models import SKU, ApiToken, CandidateSet, ImportRun, ScoringRun
from tests.api.programs import Api
from tests.factories import make_category, make_sku, make_source
from tests.review.test_together import at_once

pytestmark = pytest.mark.django_db(transaction=True)
POSTS = 8


def listing(source: str, number: int, **more: Any) -> dict[str, Any]:
    return {"source": source, "external_id": str(number % 3), "title": f"Kettle {number}", **more}


def test_shops_named_in_either_order_are_all_stored() -> None:
    statuses: list[int] = []

    def post(api: Api, sources: str) -> None:
        for number in range(POSTS):
            query, other = (listing(source, number, category=f"{source} > {number}") for source in sources)
            body = {"query": query, "candidates": [other]}
            statuses.append(api.post("candidate-sets/", body).status_code)

    apis = [(Api("write"), sources) for sources in ("AB", "BA", "AB", "BA")]
    assert at_once([partial(post, api, sources) for api, sources in apis]) == []
    assert set(statuses) == {201}
    assert (CandidateSet.objects.count(), SKU.objects.count()) == (4 * POSTS, 6)


def test_the_first_posts_of_a_day_are_one_run_of_scoring() -> None:
    api, skus = Api("write"), [str(make_sku().uuid) for _ in range(5)]
    bodies = [{"query": {"sku": query}, "candidates": [{"sku": skus[4]}]} for query in skus[:4]]
    assert at_once([partial(api.post, "candidate-sets/", body) for body in bodies]) == []
    assert ScoringRun.objects.filter(kind="posted").count() == 1


def test_a_token_revoked_while_it_posts_posts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    api, skus, post = Api("write"), [make_sku(), make_sku()], candidates.post_set

    def revoked_first(**asked: Any) -> Any:
        # In the same transaction, as SQLite's writers take turns.
        ApiToken.objects.all().delete()
        return post(**asked)

    monkeypatch.setattr(candidates, "post_set", revoked_first)
    body = {"query": {"sku": str(skus[0].uuid)}, "candidates": [{"sku": str(skus[1].uuid)}]}
    assert api.post("candidate-sets/", body).status_code == 401
    assert not CandidateSet.objects.exists()


def test_a_new_category_is_posted_while_the_same_shop_is_imported(tmp_path: Path) -> None:
    """An import holds its shop when it comes to the log, so whoever holds the log may not wait for a shop."""
    api, source, statuses = Api("write"), make_source("Shop"), []

    def imported() -> None:
        for number in range(6):
            path = tmp_path / f"{number}.csv"
            path.write_text("external_id,title\n" + "".join(f"i{row},Kettle {row} of {number}\n" for row in range(60)))
            run_import(run=ImportRun.objects.create(source=source, file_name=path.name), path=path)

    def post() -> None:
        for number in range(24):
            query, other = (listing("Shop", number, external_id=f"{side}{number}", category=f"New > {number}") for side in "qc")
            statuses.append(api.post("candidate-sets/", {"query": query, "candidates": [other]}).status_code)

    assert at_once([imported, post]) == []
    assert set(statuses) == {201}


def test_a_category_made_behind_a_snapshot_has_the_policy_that_it_inherits() -> None:
    before = policies.Policies()
    made = make_category("Kitchen > Kettles")
    assert before.of(made.pk) == policies.Policies().of(None)
