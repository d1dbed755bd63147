"""Building candidates as a job: progress, a kill, cancelling, and only what changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from django.utils import timezone

from alignment import candidate_runs, candidates, runs
from alignment.models import SKU, Candidate, CandidateRun, CandidateSet
from tests import factories
from workers import building

pytestmark = pytest.mark.django_db


@pytest.fixture
def kettles() -> list[SKU]:
    return [factories.make_sku(f"Kettle number {number}") for number in range(6)]


def run(**options: object) -> CandidateRun:
    return CandidateRun.objects.create(k=3, **options)


def finished(**options: object) -> CandidateRun:
    done = building.work(run(**options).pk)
    assert done is not None
    return done


class Killed(BaseException):
    """As a SIGKILL: nothing of ours may catch it."""


def killed_after(sets: int) -> Callable[[Sequence[candidates.Proposal], CandidateRun | None], int]:
    original, left = candidates._store, sets

    def store(chunk: Sequence[candidates.Proposal], run: CandidateRun | None) -> int:
        nonlocal left
        if left <= 0:
            raise Killed
        left -= len(chunk)
        return original(chunk, run)

    return store


def test_a_run_tells_what_it_did(kettles: list[SKU]) -> None:
    done = finished()
    assert (done.status, done.skus, done.skus_done, done.sets_changed, done.error) == ("done", 6, 6, 6, "")
    assert done.finished_at is not None


def test_what_a_killed_process_stored_is_not_built_again(kettles: list[SKU], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "SETS_AT_ONCE", 2)
    one = run()
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(candidates, "_store", killed_after(4))
        building.work(one.pk)
    before = dict(CandidateSet.objects.values_list("query_id", "pk"))
    assert len(before) == 4
    assert building.work(one.pk) is None, "its worker may live"
    CandidateRun.objects.update(seen_at=timezone.now() - timedelta(minutes=10))
    stored = []
    monkeypatch.setattr(candidates, "store_proposals", _remembering(stored))
    done = building.work(one.pk)
    assert done is not None and (done.status, done.skus, done.skus_done) == ("done", 6, 6)
    assert set(stored) == {sku.pk for sku in kettles} - set(before)


def _remembering(stored: list[int]) -> Callable[..., int]:
    original = candidates.store_proposals

    def store(proposals: Sequence[candidates.Proposal], *, run: CandidateRun) -> int:
        return original(_seen(proposals, stored), run=run)

    return store


def _seen(proposals: Sequence[candidates.Proposal], stored: list[int]) -> object:
    for proposal in proposals:
        stored.append(proposal.query_id)
        yield proposal


def test_only_what_is_new_or_changed_and_what_that_can_affect_is_built(kettles: list[SKU], monkeypatch: pytest.MonkeyPatch) -> None:
    lamps = [factories.make_sku(f"Lampada {colour}") for colour in ("rossa", "verde")]
    finished()
    new = factories.make_sku("Lampada rossa grande")
    stored: list[int] = []
    monkeypatch.setattr(candidates, "store_proposals", _remembering(stored))
    done = finished(changed_only=True)
    touched = set(Candidate.objects.filter(query=new).values_list("sku", flat=True))
    assert set(stored) == {new.pk} | touched
    assert lamps[0].pk in touched
    assert Candidate.objects.filter(query=lamps[0], sku=new).exists()
    assert done.skus_done == len(stored)
    stored.clear()
    finished(changed_only=True)
    assert stored == []


def test_a_changed_text_is_built_for_again(kettles: list[SKU]) -> None:
    finished()
    assert candidate_runs.chosen(run(changed_only=True)).count() == 0
    SKU.objects.filter(pk=kettles[0].pk).update(content_hash="another")
    assert list(candidate_runs.chosen(run(changed_only=True))) == [kettles[0]]


def test_a_cancelled_run_stops_and_keeps_what_it_stored(kettles: list[SKU], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "TOLD_EVERY", 1)
    monkeypatch.setattr(candidates, "SETS_AT_ONCE", 1)
    one = run()

    def say(done: int, of: int) -> None:
        if done == 3:
            runs.cancel(one)

    done = building.work(one.pk, say=say)
    assert done is not None and done.status == "cancelled"
    assert 0 < CandidateSet.objects.count() == done.sets_changed < done.skus == 6


def test_a_catalogue_of_one_is_told(db: None) -> None:
    factories.make_sku("Kettle")
    assert "import a catalogue first" in finished().error
