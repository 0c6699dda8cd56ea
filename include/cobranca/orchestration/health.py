"""A container's own health check: ``python -m cobranca.orchestration.health scheduler``. Exit 0 healthy, 1 not.

Airflow's components report themselves alive in its database; the API server tells what it finds there. Asking it costs
a few milliseconds, Airflow's own command some seconds of processor time.
"""

import json
import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

COMPONENTS = {"api-server": "metadatabase", "scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}


def is_healthy(component: str, base_url: str) -> bool:
    try:
        with urlopen(f"{base_url}/api/v2/monitor/health", timeout=5) as answer:
            return json.load(answer).get(COMPONENTS[component], {}).get("status") == "healthy"
    except (URLError, ValueError, TimeoutError):
        return False


if __name__ == "__main__":
    sys.exit(not is_healthy(sys.argv[1], os.environ.get("COBRANCA_API_URL", "http://localhost:8080")))
