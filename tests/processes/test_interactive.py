"""Somebody asks while a bulk job keeps the worker busy: the answer comes before the job is done."""

from __future__ import annotations

import pytest
from cohere import ClientV2
from cohere.core.api_error import ApiError

from tests.processes.conftest import Site, until

pytestmark = pytest.mark.processes

BULK = """
from tests.factories import make_set, make_sku
from alignment import wake_ups
from django.db import transaction
with transaction.atomic():
    others = [make_sku(f"Bouilloire {n} 1,7 L") for n in range(20)]
    for n in range(250):
        make_set(make_sku(f"Kettle {n} 1.7 L"), others)
    wake_ups.wake()
"""
QUERY = "不锈钢电热水壶 1.7升 2200W"
DOCUMENTS = ["Yoga mat 6 mm", "Stainless steel electric kettle 1.7 L 2200 W", "Bouilloire électrique en verre 1,0 L"]


def test_coheres_own_client_is_answered_in_the_middle_of_a_bulk_job(site: Site) -> None:
    site.environment["SAMPLE"] = "no"
    site.start("manage.py", "start")
    until(site.answers, what="the web server answers")
    token = site.manage("create_token", "admin", "--name", "test", "--scope", "read").strip()
    until(lambda: site.rows("SELECT count(*) FROM alignment_worker WHERE model_id IS NOT NULL")[0][0] > 0, what="a worker is up")
    site.shell(BULK)
    until(lambda: site.counts().get("claimed", 0) > 0, what="the bulk job has begun")
    client = ClientV2(api_key=token, base_url=f"http://127.0.0.1:{site.port}/api")
    for _ in range(5):
        answer = client.rerank(model="rerank-v3.5", query=QUERY, documents=DOCUMENTS, top_n=2)
        assert len(answer.results) == 2
        assert answer.results[0].index == 1
        assert 0 <= answer.results[1].relevance_score <= answer.results[0].relevance_score <= 1
    assert site.counts().get("pending", 0) > 0
    with pytest.raises(ApiError) as refused:
        client.rerank(model="rerank-v3.5", query=QUERY, documents=[])
    assert refused.value.status_code == 400 and "documents" in refused.value.body["message"]
    until(site.all_scored, what="the bulk job is done")
