"""Path of nginx; `python -m tests.production.nginx` exits with 0 if it is installed."""

import os
import shutil
import sys


def path() -> str:
    """Path of an nginx on this machine; "" if there is none. Debian installs it outside the PATH of ordinary users."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""


if __name__ == "__main__":
    sys.exit(0 if path() else 1)
