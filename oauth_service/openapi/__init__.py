"""What every endpoint takes and answers, as OpenAPI 3.1 describes it."""

from . import schemas
from .endpoints import PATHS, paths_of
from .server import JsonObject, Server

# Of this description: raised when something is told differently.
VERSION = "1.0"


def document(server: Server) -> JsonObject:
    """The OpenAPI Object. A path that ends in a slash answers without it too, and is described both ways."""
    paths: JsonObject = {}
    for path, path_item in paths_of(server).items():
        item = path_item(server)
        paths[path] = item.members()
        if path.endswith("/"):
            paths[path.rstrip("/")] = item.unslashed().members()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": server.name,
            "version": VERSION,
            "description": "An OAuth 2.1 authorization server.",
        },
        "servers": [{"url": server.url}],
        "paths": paths,
        "components": schemas.components(server),
    }


__all__ = ["PATHS", "Server", "document"]
