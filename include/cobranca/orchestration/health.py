"""Health check of a container: exit 0 when its component is healthy, 1 when it is not.

``python -m cobranca.orchestration.health scheduler`` checks the scheduler. Airflow's components
report themselves alive in its database, and the API server shows what it finds there. Asking it
costs a few milliseconds, Airflow's own command some seconds of processor time.
"""

import json
import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

COMPONENTS = {
    "api-server": "metadatabase",
    "scheduler": "scheduler",
    "dag-processor": "dag_processor",
    "triggerer": "triggerer",
}


def is_healthy(component: str, base_url: str) -> bool:
    """Whether the API server at ``base_url`` answers and calls the component healthy."""
    try:
        with urlopen(f"{base_url}/api/v2/monitor/health", timeout=5) as answer:
            status = json.load(answer).get(COMPONENTS[component], {}).get("status")
            return bool(status == "healthy")
    except (URLError, ValueError, TimeoutError):
        return False


if __name__ == "__main__":
    sys.exit(
        not is_healthy(sys.argv[1], os.environ.get("COBRANCA_API_URL", "http://localhost:8080"))
    )
