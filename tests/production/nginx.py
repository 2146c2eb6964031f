"""Where nginx is; `python -m tests.production.nginx` ends with 0 if there is one."""

import os
import shutil
import sys


def path() -> str:
    """The path of an nginx on this machine, "" if there is none. Debian keeps it where only root looks."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""


if __name__ == "__main__":
    sys.exit(0 if path() else 1)
