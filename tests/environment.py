"""Loaded before Django's settings are: tests keep what they write in a folder of their own, which is gone when they are done."""

import atexit
import os
import shutil
import tempfile

os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="alignment-tests-")
atexit.register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)
# What would be collected there is found by its own name; its folder is looked for all the same.
os.mkdir(os.path.join(os.environ["VAR_DIR"], "static"))
# Browser tests run the ORM beside the driver's event loop.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
