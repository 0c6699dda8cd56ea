"""Airflow without a home in the user's folder: set before the first import of it."""

import atexit
import os
import shutil
import tempfile

HOME = tempfile.mkdtemp(prefix="cobranca-airflow-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ.setdefault("AIRFLOW_HOME", HOME)
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW__USAGE_DATA_COLLECTION__ENABLED", "False")
