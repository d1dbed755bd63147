import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alignment.settings")
application = get_wsgi_application()
# Otherwise the first person to open a page would wait until all pages are imported.
import_module(settings.ROOT_URLCONF)

# What is loaded by now stays: full collections need not walk it while somebody waits.
gc.collect()
gc.freeze()
