"""What a SKU says to the model: one versioned function, and the hashes that tell one text from another."""

from __future__ import annotations

import hashlib
import unicodedata

from alignment.models import SKU

VERSION = 1


def render(sku: SKU) -> str:
    """The text that is scored: title, then attributes as `key: value; key: value`, then description, each on its own line."""
    attributes = "; ".join(f"{key}: {value}" for key, value in sku.attributes.items())
    return "\n".join(part for part in (sku.title, attributes, sku.description) if part)


def fold(text: str) -> str:
    """NFKC, case and white space folded: texts that fold alike are the same text."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def text_hash(sku: SKU) -> str:
    """sha256 in hex of the rendering's version and its folded text."""
    return hash_text(f"{VERSION}\n{fold(render(sku))}")


def hash_text(text: str) -> str:
    """sha256 in hex of a text as UTF-8; lone surrogates are kept apart."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
