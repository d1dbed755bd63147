"""The language of a text, offline. Detectors call many short English titles German: below the stated confidence nothing is said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

LANGUAGES = ("en", "zh", "fr", "es", "de", "it", "pt", "nl", "pl", "ja", "ko", "ru", "sv", "tr")
# A title alone is too short to be told by.
TOGETHER = 10


@lru_cache(maxsize=1)
def identifier() -> LanguageIdentifier:
    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    model.set_languages(list(LANGUAGES))
    return model


def detect(text: str, *, confidence: float) -> str:
    """The language code, or "" when the detector's belief (0 to 1) is under `confidence`."""
    language, belief = identifier().classify(text)
    return str(language) if float(belief) >= confidence else ""


def of_sample(texts: Sequence[str]) -> tuple[str, float] | None:
    """The language of most of a file's texts, and the detector's belief in it (0 to 1), read ten texts together; None without texts."""
    chunks = [" ".join(texts[start : start + TOGETHER]).strip() for start in range(0, len(texts), TOGETHER)]
    beliefs: dict[str, float] = defaultdict(float)
    for chunk in filter(None, chunks):
        language, belief = identifier().classify(chunk)
        beliefs[str(language)] += float(belief)
    if not beliefs:
        return None
    language, total = max(beliefs.items(), key=lambda item: item[1])
    return language, total / len([chunk for chunk in chunks if chunk])
