"""Tokens for retrieval and search, made for listings: Chinese without spaces, numbers with units, model codes."""

from __future__ import annotations

import re
import unicodedata

CJK = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
PIECES = re.compile(rf"[{CJK}]+|\d+(?:[.,]\d+)*|[^\W\d_{CJK}]+")
# Begins only where a number begins and never backtracks into it: a text of 20,000 digits would take seconds otherwise.
MEASURE = re.compile(rf"(?<!\d)(?<!\d[.,])(\d++(?:[.,]\d++)*+)\s*+([^\W\d_{CJK}]{{1,4}})\b")
CODE = re.compile(r"(?<![a-z0-9.,])[a-z0-9]+(?:[/-][a-z0-9]+)*")


def pieces(text: str) -> list[str]:
    """A folded text's words, numbers and runs of Chinese, Japanese or Korean, in order."""
    return PIECES.findall(text)


def is_cjk(piece: str) -> bool:
    return re.match(rf"[{CJK}]", piece) is not None


def codes(text: str) -> list[str]:
    """A folded text's model codes, without what stands between their parts: wh1000xm4."""
    return [re.sub("[/-]", "", code) for code in CODE.findall(text) if _mixed(code)]


def tokens(text: str) -> list[str]:
    """Words, single Chinese characters and their bigrams, numbers (1,7 as 1.7), number with unit (1.7l), model code (wh1000xm4)."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    found: list[str] = []
    for piece in pieces(folded):
        if is_cjk(piece):
            found += list(piece)
            found += [piece[i : i + 2] for i in range(len(piece) - 1)]
        else:
            found.append(piece.replace(",", ".") if piece[0].isdigit() else piece)
    found += codes(folded)
    found += [number.replace(",", ".") + unit for number, unit in MEASURE.findall(folded)]
    return found


def _mixed(code: str) -> bool:
    """Whether letters and digits both occur, and the whole is not a number with its unit, which is a token already."""
    return any(c.isdigit() for c in code) and any(c.isalpha() for c in code) and not MEASURE.fullmatch(code)
