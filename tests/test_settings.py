"""A wrong value stops the start with the setting's name and what would be right."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BASE = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("PORT", "eighty", "a whole number from 1 to 65535"),
        ("PORT", "70000", "a whole number from 1 to 65535"),
        ("DATABASE_URL", "mysql://x", "postgresql://"),
        ("REDIS_URL", "localhost", "redis://"),
        ("HTTPS", "maybe", "yes or no"),
        ("RERANKER_DTYPE", "int8", "auto, float32, bfloat16, float16"),
        ("SECRET_KEY", "short", "32 characters"),
        ("RERANKER_URL", "gpu-box:8000", "http:// or https://"),
        ("RERANKER_URL", "http://gpu-box:8000", "set RERANKER_MODEL"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(name: str, value: str, right: str) -> None:
    run = subprocess.run([sys.executable, "manage.py", "check"], cwd=BASE, env=os.environ | {name: value}, capture_output=True, text=True)
    assert run.returncode != 0
    assert name in run.stderr and right in run.stderr
    assert "Traceback" not in run.stderr


def test_the_readme_lists_every_setting() -> None:
    source = (BASE / "alignment" / "settings.py").read_text()
    named = set(re.findall(r'(?:text|whole_number|yes_or_no|one_of|listed|web_address)\("([A-Z_]+)"', source))
    readme = (BASE / "README.md").read_text()
    assert {name for name in named if f"`{name}`" not in readme} == set()


def test_the_secret_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    code = "from alignment.settings import SECRET_KEY; print(SECRET_KEY)"
    keys = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=BASE, env=os.environ | {"VAR_DIR": str(tmp_path)}, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    }
    assert len(keys) == 1 and len(keys.pop()) > 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
