#!/usr/bin/env python
"""Django's command line: with the server's settings, or the client's for a command of the client application."""

import os
import sys

from django.core.management import execute_from_command_line

CLIENT_COMMANDS = {"simulate", "seed_prescriptions"}


def main() -> None:
    """Run one command under the settings of the site it belongs to, unless DJANGO_SETTINGS_MODULE says otherwise."""
    site = "client" if CLIENT_COMMANDS.intersection(sys.argv[1:2]) else "server"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"config.{site}.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
