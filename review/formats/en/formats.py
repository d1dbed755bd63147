"""Times on English pages: by the 24 hours that the other pages and the logs have too."""

TIME_FORMAT = "H:i"
DATETIME_FORMAT = "N j, Y, H:i"
BETWEEN_SENTENCES = " "
BETWEEN_NAMES = ", "
