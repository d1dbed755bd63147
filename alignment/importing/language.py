"""The language of a text, offline. Detectors call many short English titles German: below the stated confidence nothing is said."""

from __future__ import annotations

from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

LANGUAGES = ("en", "zh", "fr", "es", "de", "it", "pt", "nl", "pl", "ja", "ko", "ru", "sv", "tr")


@lru_cache(maxsize=1)
def identifier() -> LanguageIdentifier:
    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    model.set_languages(list(LANGUAGES))
    return model


def detect(text: str, *, confidence: float) -> str:
    """The language code, or "" when the detector's belief (0 to 1) is under `confidence`."""
    language, belief = identifier().classify(text)
    return str(language) if float(belief) >= confidence else ""
