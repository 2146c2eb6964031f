"""OpenAPI 3.1 description of every endpoint: its requests and its responses."""

from . import schemas
from .endpoints import PATHS, paths_of
from .server import JsonObject, Server

# Version of this description: raised when the description changes.
VERSION = "1.0"


def document(server: Server) -> JsonObject:
    """
    The OpenAPI Object. Paths that end in a slash are described without the slash as well, because both forms answer.
    """
    paths: JsonObject = {}
    for path, path_item in paths_of(server).items():
        item = path_item(server)
        paths[path] = item.members()
        if path.endswith("/"):
            paths[path.rstrip("/")] = item.without_slash().members()
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
