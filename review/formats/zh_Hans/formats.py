"""How Simplified Chinese is written here. Django's own formats leave thousands unseparated; the CLDR, and so a browser, writes 35,311."""

THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
BETWEEN_SENTENCES = ""
BETWEEN_NAMES = "、"
