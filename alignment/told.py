"""What workers write down for people to read later: stored in English, told in the language of whoever reads it."""

from __future__ import annotations

import re

from django.utils.translation import gettext, gettext_noop

SET_LOST = gettext_noop("The process that scored this set died or hung.")
NOT_WRITTEN = gettext_noop("The server could not write the file (%(fault)s).")
NO_CATEGORY = gettext_noop("There is no category “%(path)s”.")
TOO_FEW = gettext_noop("There are fewer than two listed SKUs: import a catalogue first.")
BUILDING_FAILED = gettext_noop("Building met a fault of its own (%(fault)s); what was stored until then is kept.")
EVALUATING_FAILED = gettext_noop("The evaluation met a fault of its own (%(fault)s).")
FILE_GONE = gettext_noop("Its file was deleted: its time was over. Upload it again for a new evaluation.")
NOT_SCORED = gettext_noop("The model could not score set %(number)s: %(error)s")
NO_ANSWER = gettext_noop("No worker answered for ten minutes. Start one that scores, then evaluate again.")
# Worded in workers/evaluation, which knows no Django.
NO_ROW = gettext_noop("%(file)s holds no row.")
NOT_AN_OBJECT = gettext_noop("%(file)s, line %(line)s: must be an object in braces.")
NOT_UTF8 = gettext_noop("%(file)s is not UTF-8: %(reason)s.")
NOT_JSON = gettext_noop("%(file)s, line %(line)s: is not JSON (%(reason)s).")
NOT_READ = gettext_noop("%(file)s cannot be read: %(reason)s.")
NO_CANDIDATES = gettext_noop('%(file)s, line %(line)s: "candidates" must be a list of objects with "text" and "label".')
NO_TEXT = gettext_noop('%(file)s, line %(line)s: "%(name)s" is missing or no text.')
NO_LABEL = gettext_noop('%(file)s, line %(line)s: "label" is %(label)s; it must be 1 for the same product, else 0.')
STORED = [value for name, value in list(globals().items()) if name.isupper()]


def _pattern(message: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.*?)", re.escape(message)), re.DOTALL)


PATTERNS = [(message, _pattern(message)) for message in STORED]


def tell(text: str) -> str:
    """A stored text in the reader's language; what is none of those above, such as a library's own words, as it is."""
    for message, pattern in PATTERNS:
        if found := pattern.fullmatch(text):
            return gettext(message) % {name: tell(held) for name, held in found.groupdict().items()}
    return text
