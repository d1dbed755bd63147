"""Which messages the code and the templates hold, read without gettext's programs, and which of them a catalogue lacks."""

from __future__ import annotations

import ast
import gettext
import re
from pathlib import Path

CALLS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"}
TRANSLATE = re.compile(r"""\{%\s*translate\s+(?:"([^"]+)"|'([^']+)')""")
BLOCK = re.compile(r"\{%\s*blocktranslate\b[^%]*%\}(.*?)(?:\{%\s*plural\s*%\}(.*?))?\{%\s*endblocktranslate\s*%\}", re.DOTALL)
VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")

# One message, or (singular, plural).
Message = str | tuple[str, str]


def in_python(source: str) -> set[Message]:
    found: set[Message] = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in CALLS:
            continue
        texts = [a.value for a in node.args[:2] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if node.func.id == "ngettext" and len(texts) == 2:
            found.add((texts[0], texts[1]))
        elif texts:
            found.add(texts[0])
    return found


def in_template(source: str) -> set[Message]:
    # Django looks a literal up with its percent signs doubled.
    found: set[Message] = {(double or single).replace("%", "%%") for double, single in TRANSLATE.findall(source)}
    for singular, plural in BLOCK.findall(source):
        one, many = (VARIABLE.sub(r"%(\1)s", text.replace("%", "%%")) for text in (singular, plural))
        found.add((one, many) if plural else one)
    return found


def messages(base: Path) -> set[Message]:
    """Every message of the project."""
    found: set[Message] = set()
    for folder in ("alignment", "review"):
        for path in (base / folder).rglob("*.py"):
            found |= in_python(path.read_text(encoding="utf-8"))
    for path in (base / "templates").rglob("*.html"):
        found |= in_template(path.read_text(encoding="utf-8"))
    return found


def missing(base: Path, compiled: Path) -> list[str]:
    """Messages without a translation in a compiled catalogue."""
    with compiled.open("rb") as file:
        catalogue = gettext.GNUTranslations(file)
    entries: dict[object, str] = catalogue._catalog  # type: ignore[attr-defined]
    lacking = []
    for message in messages(base):
        key = (message[0], 0) if isinstance(message, tuple) else message
        if not entries.get(key):
            lacking.append(key[0] if isinstance(key, tuple) else key)
    return sorted(lacking)
