"""Names that nothing proves, in logs (RFC 6819 section 4.6.7): a user name, a client_id, or a secret in the wrong field."""

import hashlib
import hmac

SHOWN_DIGITS = 16


class ClaimedName(str):
    """
    A name as it may be shown: a digest that only the server can make, alike for every spelling that differs in case alone.

    Logs, receivers of signals, reports and the cache see the digest. Two attempts under one name can be told from attempts
    under two, and who knows a name can have its digest made to look for it; nobody can read the name from it.

    Args:
        typed: what was sent.
        key: of the server.
    """

    __slots__ = ("_typed",)
    _typed: str

    def __new__(cls, typed: str, *, key: bytes) -> "ClaimedName":
        digest = hmac.new(key, typed.casefold().encode(errors="surrogatepass"), hashlib.sha256).hexdigest()
        name = super().__new__(cls, f"unproven:{digest[:SHOWN_DIGITS]}")
        name._typed = typed
        return name

    def reveal(self) -> str:
        """What was sent, for the one who looks for its account or client."""
        return self._typed

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)  # a copy, or a pickle, has the digest alone
