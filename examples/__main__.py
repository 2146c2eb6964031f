"""python -m examples mcp|api -- run both sites and one example until Ctrl-C."""

import os
import signal
import sys
import time

from config.sites import Sites, SitesError, prepare, running
from examples.running import EXAMPLES, serving


def main() -> int:
    """Start everything, print what to try, and wait; return 1 as exit status if something could not be started."""
    example = EXAMPLES[sys.argv[1]]
    os.environ.setdefault("REGISTRATION", "open")  # the clients to come are not registered yet
    try:
        sites = Sites.chosen()
        prepare(sites)
        with running(sites), serving(example, sites, port=example.port) as url:
            print(
                f"\n  {example.title:<29} {url}"
                f"\n  Authorization server          {sites.server_url}"
                f"\n  Prescriptions (the client)    {sites.client_url}"
                "\n  Sign in as                    alice / wonderland"
                f"\n\n  Try it, in another terminal:  {example.next_step}"
                f"\n  What the person can end:      {sites.server_url}/manage-apps/"
                "\n\n  Ctrl-C stops all.\n",
                flush=True,
            )
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        return 0
    except SitesError as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # `kill` ends it as Ctrl-C does
    sys.exit(main())
