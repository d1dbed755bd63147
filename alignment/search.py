"""SKUs by any word or code of theirs, in any language: one row of tokens a SKU, behind an index of the database's own.

On PostgreSQL the row's tokens as a tsvector beside them, generated, behind a GIN index; on SQLite an FTS5 table that triggers keep equal to
the rows. Both are made in migrations. Frequent words are met by walking back from the newest row, rare ones by the index of tokens.

Tokens are words and numbers without their accents, Chinese, Japanese and Korean as single characters and pairs, and codes whole, marked
with #: external id, GTIN, and whatever in a text mixes letters and digits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from alignment.models import SKU, SearchText
from texts import tokens

MOST_TOKENS = 400
LONGEST_TOKEN = 60
LONGEST_TEXT = 6000
MOST_ATTRIBUTES = 40
LONGEST_QUERY = 200
MOST_WORDS = 12
# How many matches are looked at, to show the best of them.
LOOKED_AT = 250
SHORTEST_BEGINNING = 2
SKUS_AT_ONCE = 1000


@dataclass(frozen=True)
class Query:
    """What somebody looks for: words that all must be there, the last of them perhaps only begun, and the whole as a code."""

    words: list[str]
    begun: str
    code: str

    def __bool__(self) -> bool:
        return bool(self.words or self.begun)


def fold(text: str) -> str:
    """NFKC and case folded, accents of Latin, Greek and Cyrillic letters left out."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    parts = unicodedata.normalize("NFD", folded)
    return unicodedata.normalize("NFC", "".join(c for c in parts if not "\u0300" <= c <= "\u036f"))


def tokens_of(sku: Any) -> str:
    """A SKU's tokens, each once, with a space between."""
    attributes = sku.attributes if isinstance(sku.attributes, dict) else {}
    values = [str(value)[:200] for value in list(attributes.values())[:MOST_ATTRIBUTES]]
    text = fold("\n".join((sku.title, sku.external_id, *values, sku.gtin)))[:LONGEST_TEXT]
    found: dict[str, None] = {f"#{_code(sku.external_id)}": None}
    if sku.gtin:
        found[f"#{sku.gtin}"] = None
    found |= dict.fromkeys(f"#{code}" for code in tokens.codes(text))
    for piece in tokens.pieces(text):
        found |= dict.fromkeys(_of_piece(piece))
    return " ".join(one for one in list(found)[:MOST_TOKENS] if one != "#" and len(one) <= LONGEST_TOKEN)


def index(skus: Sequence[SKU]) -> None:
    """Make these SKUs found as they are now, inside the transaction that stores them."""
    rows = [SearchText(sku_id=sku.pk, tokens=tokens_of(sku)) for sku in skus]
    SearchText.objects.bulk_create(rows, update_conflicts=True, unique_fields=["sku"], update_fields=["tokens"], batch_size=500)


def rebuild() -> Iterator[int]:
    """Every SKU's tokens anew, some at a time. Yields how many are done."""
    last = done = 0
    while True:
        with transaction.atomic():
            chunk = list(SKU.objects.filter(pk__gt=last).order_by("pk").select_for_update(no_key=True)[:SKUS_AT_ONCE])
            index(chunk)
        if not chunk:
            return
        last, done = chunk[-1].pk, done + len(chunk)
        yield done


def read(text: str) -> Query:
    folded = fold(text[:LONGEST_QUERY].replace("\x00", ""))
    pieces = [piece for piece in tokens.pieces(folded) if len(piece) < LONGEST_TOKEN][:MOST_WORDS]
    begun = ""
    if pieces and not tokens.is_cjk(pieces[-1]) and len(pieces[-1]) >= SHORTEST_BEGINNING:
        begun = _number(pieces.pop())
    words = [token for piece in pieces for token in (_pairs(piece) if tokens.is_cjk(piece) else [_number(piece)])]
    return Query(list(dict.fromkeys(words)), begun, _code(folded))


def find(text: str, *, most: int) -> list[SKU]:
    """The SKUs that a person most likely means, with source and category: by code first, then those whose title holds the words.

    All words must be there. Of very many matches only the newest few hundred are looked at.
    """
    query = read(text)
    if not query:
        return []
    found = _matching(query)
    skus = list(SKU.objects.select_related("source", "category").filter(pk__in=found))
    return sorted(skus, key=lambda sku: _place(sku, query))[:most]


def matching(text: str) -> list[int] | None:
    """Ids of the SKUs that hold the words, as many as are looked at; None where the text has no word."""
    query = read(text)
    return _matching(query) if query else None


def _matching(query: Query) -> list[int]:
    if connection.vendor == "postgresql":
        words = [f"'{word}'" for word in query.words] + ([f"'{query.begun}':*"] if query.begun else [])
        asked = " & ".join(words)
        codes = f"'#{query.code}':*" if query.code else ""
        return _run(
            "SELECT sku_id FROM alignment_searchtext WHERE words @@ %s::tsquery ORDER BY sku_id DESC LIMIT %s",
            [codes, asked],
        )
    words = [f'"{word}"' for word in query.words] + ([f'"{query.begun}"*'] if query.begun else [])
    codes = f'"#{query.code}"*' if query.code else ""
    return _run(
        "SELECT rowid FROM alignment_searchtext_fts WHERE alignment_searchtext_fts MATCH %s ORDER BY rowid DESC LIMIT %s",
        [codes, " AND ".join(words)],
    )


def _run(sql: str, asked: Iterable[str]) -> list[int]:
    """The ids that a code or all the words are found at, each once, in one query."""
    given = [one for one in asked if one]
    parts = " UNION ALL ".join([f"SELECT * FROM ({sql}) AS part"] * len(given))  # noqa: S608 - our own statement
    with connection.cursor() as cursor:
        cursor.execute(parts, [value for one in given for value in (one, LOOKED_AT)])
        return list(dict.fromkeys(row[0] for row in cursor.fetchall()))


def _place(sku: SKU, query: Query) -> tuple[bool, bool, int, bool, int]:
    """The smallest is shown first: the very code, a code that begins so, more of the words in the title, still listed, newer."""
    codes = (_code(sku.external_id), sku.gtin)
    title = fold(sku.title)
    held = sum(1 for word in (*query.words, query.begun) if word and word in title)
    begins = bool(query.code) and (any(code.startswith(query.code) for code in codes) or query.code in tokens.codes(title))
    return (not query.code or query.code not in codes, not begins, -held, sku.delisted_at is not None, -sku.pk)


def _of_piece(piece: str) -> list[str]:
    return [*piece, *_pairs(piece)] if tokens.is_cjk(piece) else [_number(piece)]


def _pairs(piece: str) -> list[str]:
    return [piece[i : i + 2] for i in range(len(piece) - 1)] or [piece]


def _number(piece: str) -> str:
    return piece.replace(",", ".")


def _code(text: str) -> str:
    """A whole id or query as one code: its letters and digits alone."""
    return re.sub(r"[\W_]+", "", fold(text))[: LONGEST_TOKEN - 1]
