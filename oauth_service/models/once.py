"""Once: values that may be used a single time, such as the jti of an assertion (RFC 7519 section 4.1.7)."""

import hashlib
import hmac
from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from .. import conf
from ..compiled.statement import Write, insert
from ..database import PrimaryManager


class OnceManager(PrimaryManager["Once"]):
    def use(self, kind: str, *names: str, until: datetime) -> bool:
        """
        Use a value up; True for exactly one of all callers that try.

        It takes one statement, and one more for each fallback token key.

        Args:
            kind: keeps equal names of different kinds apart.
            names: identify the value, such as the issuer and the jti of an assertion.
            until: when the value would be refused anyway; its row is kept until then.
        """
        # Insert under every key: while keys are replaced, workers with the old key and workers with the new one share
        # at least one. Insert in one order and stop at the first that is taken. Otherwise two callers could take one
        # digest each, and both lose.
        digests = sorted(_digest(key, kind, names) for key in conf.token_keys())
        return all(_insert.run(digest=digest, purge_at=until) == 1 for digest in digests)


class Once(models.Model):
    """The keyed digest of a used value, kept until the value would be refused anyway."""

    digest = models.CharField(max_length=64, primary_key=True, editable=False)
    purge_at = models.DateTimeField(db_index=True, editable=False)

    objects = OnceManager()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("used assertion")
        verbose_name_plural = _("used assertions")

    def __str__(self) -> str:
        return self.digest


def _digest(token_key: bytes, kind: str, names: tuple[str, ...]) -> str:
    key = hmac.digest(token_key, b"oauth_service once", "sha256")
    # Each name is hashed by itself, so no two lists of names give the same text.
    text = b"".join(hashlib.sha256(name.encode()).digest() for name in (kind, *names))
    return hmac.new(key, text, hashlib.sha256).hexdigest()


_insert = Write(lambda: Once, lambda: insert(Once, ignore_conflicts=True))
