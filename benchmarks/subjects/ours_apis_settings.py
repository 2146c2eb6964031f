"""
The site's settings, with an API in the same project: /userinfo/ is the server's own resource, a view belongs to the
API.
"""

from config.server.settings import *  # noqa: F403

from .ours_apis import SERVER

ROOT_URLCONF = "benchmarks.subjects.ours_apis_urls"
OAUTH_SERVICE_RESOURCE = SERVER
