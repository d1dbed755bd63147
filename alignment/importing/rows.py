"""One row of a file as a listing, or the columns that are wrong with it."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlparse

from django.utils.translation import gettext as _

from alignment.importing.readers import FileError, Row

FIELDS = ("external_id", "title", "description", "language", "category", "gtin", "url", "image_url", "attributes")
REQUIRED = ("external_id", "title")
ATTRIBUTE = "attribute:"
# Column names by which fields are known in English, Chinese, French, Spanish and German, best first; case, "_" and "-" do not matter.
ALIASES = {
    "external_id": (
        *("external id", "id", "sku", "variant sku", "offer id", "product id", "item id", "listing id", "item number", "article number"),
        *("商品编号", "编号", "货号", "商品货号", "商品id", "商家编码", "产品编号", "référence", "réf", "référence produit", "identifiant"),
        *("referencia", "código", "código de producto", "identificador", "artikelnummer", "art. nr.", "artikel nr", "bestellnummer"),
    ),
    "title": (
        *("title", "name", "product name", "product title", "item name", "listing title"),
        *("标题", "商品标题", "商品名称", "名称", "品名", "产品名称", "宝贝标题", "titre", "nom", "nom du produit", "désignation"),
        *("libellé", "título", "nombre", "nombre del producto", "titel", "bezeichnung", "produktname", "artikelbezeichnung", "artikelname"),
    ),
    "description": (
        *("description", "body (html)", "product description", "long description", "描述", "商品描述", "详情", "商品详情", "产品描述"),
        *("description du produit", "descripción", "descripción del producto", "beschreibung"),
        *("produktbeschreibung", "artikelbeschreibung"),
    ),
    "language": ("language", "lang", "locale", "语言", "语种", "langue", "idioma", "sprache"),
    "category": (
        *("category", "product category", "category path", "product type", "类目", "分类", "商品类目", "商品分类", "品类"),
        *("catégorie", "rayon", "categoría", "kategorie", "warengruppe", "produktkategorie"),
    ),
    "gtin": (
        *("gtin", "ean", "upc", "barcode", "variant barcode", "gtin13", "ean13", "gtin 13", "ean 13", "条码", "条形码", "商品条码"),
        *("code barres", "code ean", "código de barras", "strichcode", "barcode nummer"),
    ),
    "url": ("url", "link", "product url", "product link", "链接", "商品链接", "网址", "lien", "enlace", "produktlink"),
    "image_url": (
        *("image url", "image link", "image src", "image", "picture url", "图片", "图片链接", "主图", "商品图片"),
        *("lien image", "imagen", "enlace de imagen", "bild", "bildlink", "bild url"),
    ),
    "attributes": ("attributes", "属性", "商品属性", "attributs", "atributos", "attribute", "eigenschaften"),
}
SHOPIFY = {"Handle", "Title", "Body (HTML)", "Vendor"}
LIMITS = {"external_id": 200, "title": 2000, "description": 100_000, "language": 16, "category": 1000, "url": 2000, "image_url": 2000}
MOST_ATTRIBUTES = 200
TAGS = re.compile(r"<[^>]*>")
# Lone surrogates too: no database takes them.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# A Shopify export writes a product's own cells on its first row only.
OF_PRODUCT = ("Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Option1 Name", "Option2 Name", "Option3 Name", "Image Src")
OF_VARIANT = ("Variant SKU", "Variant Barcode", "Variant Price", "Option1 Value")


class ColumnError(ValueError):
    """A cell that cannot be imported."""

    def __init__(self, column: str, reason: str, value: object = "") -> None:
        super().__init__(reason)
        self.column, self.reason, self.value = column, reason, clean(value)[:200]


@dataclass
class Listing:
    """A row that is right."""

    external_id: str
    title: str
    description: str = ""
    language: str = ""
    category: str = ""
    gtin: str = ""
    url: str = ""
    image_url: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


def guess(header: Sequence[str]) -> dict[str, str]:
    """Which column feeds which field, by its name alone. A column feeds one field."""
    known = {_plain(name): name for name in reversed(header) if name}
    found: dict[str, str] = {}
    for name in FIELDS:
        column = next((known[alias] for alias in ALIASES[name] if alias in known and known[alias] not in found.values()), None)
        if column:
            found[name] = column
    if "external_id" not in found and "Handle" in header:
        found["external_id"] = "Handle"
    return found


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().replace("_", " ").replace("-", " ").split())


def columns(
    header: Sequence[str], mapping: Mapping[str, str], *, remembered: Mapping[str, str] | None = None, per_row: bool = False
) -> dict[str, str]:
    """Which column of the file feeds which field: as mapped, as remembered where the file has that column, else by a known name.

    A field that is mapped to "" is not in the file. Where each row names its own columns (`per_row`) one that lacks a needed column is that
    row's error, not the file's. Raises FileError.
    """
    for name, column in mapping.items():
        if name not in FIELDS and not name.startswith(ATTRIBUTE):
            raise FileError(
                _("The mapping names the field %(field)s; the fields are %(fields)s.") % {"field": repr(name), "fields": ", ".join(FIELDS)}
            )
        if column and column not in header and not per_row:
            raise FileError(
                _("The mapping names the column %(column)s; the file has %(columns)s.")
                % {"column": repr(column), "columns": ", ".join(header[:30])}
            )
    known = {name: column for name, column in (remembered or {}).items() if not column or column in header}
    given = known | dict(mapping)
    taken = set(given.values())
    found = {name: column for name, column in guess(header).items() if name not in given and column not in taken}
    found |= {name: column for name, column in given.items() if column}
    for name in REQUIRED:
        if name not in found and not per_row:
            raise FileError(
                _("No column holds the %(field)s; map one to it (--map %(field)s=COLUMN). The file has %(columns)s.")
                % {"field": name, "columns": ", ".join(header[:30])}
            )
        found.setdefault(name, name)
    return found


def left_out(header: list[str], fields: Mapping[str, str], *, shopify: bool = False) -> set[str]:
    """Columns that feed nothing."""
    used = set(fields.values()) | (set(OF_PRODUCT) | set(OF_VARIANT) | {"Handle", "Option2 Value", "Option3 Value"} if shopify else set())
    return {name for name in header if name and name not in used and not name.lower().startswith(ATTRIBUTE)}


def variant(row: Row, product: Row) -> Row | None:
    """A row of a Shopify export with what its product's first row says; None for a row that only adds a picture."""
    if row.get("Title") or not row.get("Handle") or row.get("Handle") != product.get("Handle"):
        return row
    if not any(row.get(column) for column in OF_VARIANT):
        return None
    return row | {column: row.get(column) or product.get(column, "") for column in OF_PRODUCT}


def clean(value: object) -> str:
    return CONTROL.sub(" ", unicodedata.normalize("NFC", str(value))).strip()


def identify(row: Row, fields: Mapping[str, str], *, shopify: bool = False) -> str:
    """The row's external id, "" where it has none. A Shopify variant without a SKU of its own goes by its handle and options."""
    value = row.get(fields["external_id"])
    found = "" if value is None or isinstance(value, (dict, list, bool)) else clean(value)
    if shopify and not found:
        options = [clean(row.get(f"Option{number} Value") or "") for number in (1, 2, 3)]
        found = "/".join([clean(row.get("Handle") or ""), *(option for option in options if option and option != "Default Title")])
    return found


def parse(row: Row, fields: Mapping[str, str], *, shopify: bool = False, partly: bool = False) -> Listing:
    """A listing out of a row. `partly`: it may lack its title. Raises ColumnError for the first cell that is wrong."""
    values = {name: _text(row.get(column), column) for name, column in fields.items() if name in LIMITS or name == "gtin"}
    values["external_id"] = identify(row, fields, shopify=shopify)
    if shopify:
        values["description"] = " ".join(html.unescape(TAGS.sub(" ", values.get("description", ""))).split())
        values["category"] = values.get("category") or clean(row.get("Type") or "")
        values["gtin"] = values.get("gtin", "").lstrip("'")
    for name, limit in LIMITS.items():
        if len(values.get(name, "")) > limit:
            raise ColumnError(
                fields.get(name, name), _("longer than %(limit)s characters; shorten it") % {"limit": f"{limit:,}"}, values[name]
            )
    if not values["external_id"]:
        raise ColumnError(fields["external_id"], _("empty; every listing needs a number or id"))
    if not values["title"] and not partly:
        raise ColumnError(fields["title"], _("empty; every listing needs a title"))
    if values.get("gtin"):
        values["gtin"] = gtin(values["gtin"], fields["gtin"])
    if values.get("language"):
        values["language"] = language_code(values["language"], fields["language"])
    for name in ("url", "image_url"):
        if values.get(name) and not _is_web_address(values[name]):
            raise ColumnError(fields[name], _("not a web address; it must start with http:// or https://"), values[name])
    return Listing(**values, attributes=attributes(row, fields, shopify=shopify))


def _text(value: object, column: str) -> str:
    if isinstance(value, (dict, list, bool)):
        raise ColumnError(column, _("not a text; write it in quotes"), value)
    return "" if value is None else clean(value)


def _is_web_address(text: str) -> bool:
    try:
        parsed = urlparse(text)
    except ValueError:
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.netloc)


def gtin(text: str, column: str) -> str:
    """A GTIN of 8, 12, 13 or 14 digits whose check digit is right (GS1 General Specifications, 7.9), filled to 14 with zeros.

    Filled, a UPC and the EAN that it is part of are one text.
    """
    digits = re.sub(r"[\s-]", "", text)
    if not digits.isascii() or not digits.isdigit() or len(digits) not in {8, 12, 13, 14}:
        raise ColumnError(
            column, _("not a GTIN; it has 8, 12, 13 or 14 digits, leading zeros included; correct it or leave it empty"), text
        )
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits[:-1])))
    if (10 - total % 10) % 10 != int(digits[-1]):
        raise ColumnError(column, _("not a GTIN; its check digit is wrong; correct it or leave it empty"), text)
    if not digits.strip("0"):
        raise ColumnError(column, _("not a GTIN, only zeros; leave it empty"), text)
    return digits.zfill(14)


def language_code(text: str, column: str) -> str:
    code = text.replace("_", "-").lower()
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,8})?", code):
        raise ColumnError(column, _("not a language code; write one such as en, zh or pt-br"), text)
    return code


def attributes(row: Row, fields: Mapping[str, str], *, shopify: bool) -> dict[str, str]:
    """From a JSON object in the attributes column, from columns named attribute:KEY, and from Shopify's options."""
    found: dict[str, str] = {}
    column = fields.get("attributes")
    raw = row.get(column) if column else None
    if raw:
        try:
            parsed: Any = json.loads(raw) if isinstance(raw, str) else raw
        except (ValueError, RecursionError):
            raise ColumnError(column or "", _('not a JSON object; write such as {"colour": "red"}'), raw) from None
        if not isinstance(parsed, dict) or any(isinstance(value, (dict, list)) for value in parsed.values()):
            raise ColumnError(column or "", _("not a flat JSON object of names and values"), raw)
        found |= {clean(key): clean(value) for key, value in parsed.items() if value is not None and clean(value)}
    named = {name: name for name in row if name.lower().startswith(ATTRIBUTE)}
    for name, source in (named | {name: column for name, column in fields.items() if name.startswith(ATTRIBUTE)}).items():
        value = row.get(source)
        if value not in (None, "") and clean(value):
            found[clean(name[len(ATTRIBUTE) :])] = clean(value)
    if shopify:
        for number in (1, 2, 3):
            option, chosen = row.get(f"Option{number} Name"), row.get(f"Option{number} Value")
            if option and chosen and chosen != "Default Title":
                found[clean(option)] = clean(chosen)
        if row.get("Vendor") and clean(row["Vendor"]):
            found["Vendor"] = clean(row["Vendor"])
    if len(found) > MOST_ATTRIBUTES or any(len(key) > 200 or len(value) > 2000 for key, value in found.items()):
        raise ColumnError(
            column or "attributes", _("more than %(most)s attributes, or one longer than 2,000 characters") % {"most": MOST_ATTRIBUTES}
        )
    return found
