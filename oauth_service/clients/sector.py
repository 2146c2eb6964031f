"""
The document at a sector_identifier_uri, which lists the redirect URIs of its sector (OpenID Connect Core section 8.1).
"""

import json

from ..models import Client, Document
from ..outbound import documents


def _keep(body: bytes) -> bytes:
    listed = json.loads(body)
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise ValueError("it is not a JSON array of URIs")
    return json.dumps(listed).encode()


RULES = documents.Rules(accept="application/json", most_bytes=64 * 1024, keep=_keep)


def fault_of(client: Client) -> str:
    """
    Return why a client does not belong to the sector that it names; "" if it does, or names none.

    The document is fetched unless there is a fresh copy. OpenID Connect Dynamic Client Registration section 5: "The
    values registered in redirect_uris MUST be included in the elements of the array".
    """
    if not client.sector_identifier_uri:
        return ""
    try:
        listed = json.loads(documents.read(client.sector_identifier_uri, kind=Document.Kind.SECTOR, rules=RULES))
    except documents.DocumentUnavailable as failure:
        return f"The document cannot be had: {failure.detail}."
    if missing := [uri for uri in client.redirect_uri_list if uri not in listed]:
        return f"The document does not list {', '.join(missing)}."
    return ""
