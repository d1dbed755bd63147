import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alignment.settings")
application = get_wsgi_application()
# Otherwise the first person to open a page would wait until all pages are imported, and the first to see a case until units are known.
import_module(settings.ROOT_URLCONF)
import_module("alignment.facts.quantities").registry()

# What is loaded by now stays: full collections need not walk it while somebody waits.
gc.collect()
gc.freeze()
