"""Serve ours as config.serve does, with the settings of ours_apis_settings."""

import os
from pathlib import Path

from config import serve


def main() -> None:
    """Serve until SIGTERM; metrics are counted in files, as in production."""
    counters = Path(os.environ["STATE_DIR"]) / "metrics"
    counters.mkdir(parents=True, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(counters)
    serve.serve()


if __name__ == "__main__":
    main()
