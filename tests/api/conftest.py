from __future__ import annotations

import pytest

from alignment import scoring_workers, wake_ups
from tests.api.programs import Answering, Api
from tests.factories import make_model


@pytest.fixture
def reading() -> Api:
    return Api("read")


@pytest.fixture
def writing() -> Api:
    return Api("write")


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Answering:
    one = Answering()
    scoring_workers.report(name="w", model=make_model(), device="cpu")
    monkeypatch.setattr(wake_ups.app, "send_task", one.woken)
    return one
