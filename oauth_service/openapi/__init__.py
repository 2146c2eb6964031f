"""What every endpoint takes and answers, as OpenAPI 3.1 puts it: one endpoint, one file, and the one table of them."""

from collections.abc import Callable, Mapping

from . import (
    authorise,
    deauthorise,
    description,
    discovery,
    healthz,
    login,
    logout,
    manage_apps,
    metrics,
    readyz,
    revoke,
    schemas,
    signed_out,
    token,
    userinfo,
)
from .path_item import PathItem
from .server import JsonObject, Server

# Of this description: raised when something is told differently.
VERSION = "1.0"

PATHS: Mapping[str, Callable[[Server], PathItem]] = {
    "/authorise/": authorise.path_item,
    "/token/": token.path_item,
    "/userinfo/": userinfo.path_item,
    "/oauth/revoke/": revoke.path_item,
    "/oauth/deauthorise/": deauthorise.path_item,
    "/manage-apps/": manage_apps.path_item,
    "/login/": login.path_item,
    "/logout/": logout.path_item,
    "/signed-out/": signed_out.path_item,
    "/.well-known/oauth-authorization-server": discovery.path_item,
    "/.well-known/oauth-authorization-server/{issuer_path}": discovery.path_item_of_issuer,
    "/healthz/": healthz.path_item,
    "/readyz/": readyz.path_item,
    "/metrics/": metrics.path_item,
    "/openapi.json": description.path_item,
}


def document(server: Server) -> JsonObject:
    """The OpenAPI Object. A path that ends in a slash answers without it too, and is described both ways."""
    paths: JsonObject = {}
    for path, path_item in PATHS.items():
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
