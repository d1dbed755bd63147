"""Loaded before Django's settings are: tests keep what they write in a folder of their own."""

import os
import tempfile

os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="alignment-tests-")
# Browser tests run the ORM beside the driver's event loop.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
