"""Tokens for lexical retrieval, made for listings: Chinese without spaces, numbers with units, model codes."""

from __future__ import annotations

import re
import unicodedata

CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
PIECES = re.compile(rf"[{CJK}]+|\d+(?:[.,]\d+)*|[^\W\d_{CJK}]+")
MEASURE = re.compile(rf"(\d+(?:[.,]\d+)*)\s*([^\W\d_{CJK}]{{1,4}})\b")


def tokens(text: str) -> list[str]:
    """Words, single Chinese characters and their bigrams, numbers (1,7 as 1.7), and number with unit as one token (1.7l)."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    found: list[str] = []
    for piece in PIECES.findall(folded):
        if re.match(rf"[{CJK}]", piece):
            found += list(piece)
            found += [piece[i : i + 2] for i in range(len(piece) - 1)]
        else:
            found.append(piece.replace(",", ".") if piece[0].isdigit() else piece)
    found += [number.replace(",", ".") + unit for number, unit in MEASURE.findall(folded)]
    return found
