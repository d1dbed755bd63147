"""Which part may import which, and what the web process never loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BASE = Path(__file__).resolve().parent.parent


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def files(folder: str) -> list[Path]:
    return [path for path in (BASE / folder).rglob("*.py") if "migrations" not in path.parts]


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("alignment", {"review", "workers", "torch", "transformers"}),
        ("review", {"workers", "torch", "transformers"}),
        ("workers/reranker", {"django", "alignment", "review"}),
        ("workers/retrieval", {"django", "alignment", "review"}),
        ("workers/evaluation", {"django", "alignment", "review"}),
        ("workers", {"review"}),
        ("texts", {"django", "alignment", "review", "workers", "torch", "transformers"}),
    ],
)
def test_imports_point_one_way(folder: str, forbidden: set[str]) -> None:
    wrong = {(str(path.relative_to(BASE)), name) for path in files(folder) for name in imported(path) if name.split(".")[0] in forbidden}
    assert not wrong


def test_models_are_imported_from_their_package_only() -> None:
    wrong = {
        (str(path.relative_to(BASE)), name)
        for folder in ("alignment", "review", "workers", "texts")
        for path in files(folder)
        if path.parent != BASE / "alignment" / "models"
        for name in imported(path)
        if name.startswith("alignment.models.")
    }
    assert not wrong


@pytest.mark.parametrize("loaded", ["get_resolver().url_patterns", "__import__('workers.tasks')", "__import__('workers.retrieval')"])
def test_neither_the_web_process_nor_the_tasks_nor_retrieval_load_torch(loaded: str) -> None:
    code = (
        "import sys, django; django.setup(); import alignment.wsgi; from django.urls import get_resolver; "
        f"{loaded}; assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=BASE, check=True, env=_environment())


def _environment() -> dict[str, str]:
    import os

    return os.environ | {"DJANGO_SETTINGS_MODULE": "alignment.settings"}
