"""The server's site as an ASGI application, through Django's own handler, as another project may serve it."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.server.settings")

from django.core.asgi import get_asgi_application

application = get_asgi_application()
