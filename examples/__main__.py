"""python -m examples mcp|api -- run both sites and one example until Ctrl-C."""

import os
import sys

from config.sites import Sites, prepare, running, until_interrupted, wait_for_interrupt
from examples.running import EXAMPLES, serving


def main() -> None:
    """Start everything, print what to try, and run it until Ctrl-C."""
    example = EXAMPLES[sys.argv[1]]
    os.environ.setdefault("REGISTRATION", "open")  # the clients to come are not registered yet
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
        wait_for_interrupt()


if __name__ == "__main__":
    with until_interrupted():
        main()
