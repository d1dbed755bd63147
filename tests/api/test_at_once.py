"""Programs that post at once: each is answered, whatever the order in which they name the same shops."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from alignment import policies
from alignment.models import SKU, CandidateSet
from tests.api.test_api import Api
from tests.factories import make_category
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


def test_a_category_made_behind_a_snapshot_has_the_policy_that_it_inherits() -> None:
    before = policies.Policies()
    made = make_category("Kitchen > Kettles")
    assert before.of(made.pk) == policies.Policies().of(None)
