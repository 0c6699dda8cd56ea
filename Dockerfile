# The image of every Airflow process. Any Debian or Python base will do; one without Python gets Debian's.
#   docker build -t cobranca .
#   docker build -t cobranca --build-arg BASE_IMAGE=debian:bookworm-slim .
ARG BASE_IMAGE=python:3.12-slim-bookworm

FROM ${BASE_IMAGE} AS base
RUN set -eu; \
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then \
        apt-get update; \
        apt-get install -y --no-install-recommends ca-certificates python3 python3-venv tzdata; \
        rm -rf /var/lib/apt/lists/*; \
    fi; \
    python3 -c 'import sys; assert (3, 11) <= sys.version_info < (3, 14), "Python 3.11 to 3.13 is needed"'

FROM base AS environment
RUN python3 -m venv /opt/venv
COPY requirements.lock /tmp/requirements.lock
# The lock is complete: nothing is resolved here, every file is checked against its hash.
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
        -r /tmp/requirements.lock

FROM base
RUN useradd --uid 50000 --user-group --create-home --shell /usr/sbin/nologin cobranca \
    && mkdir -p /opt/airflow/logs /opt/airflow/private /data \
    && chown -R cobranca:cobranca /opt/airflow /data
COPY --from=environment /opt/venv /opt/venv
COPY . /opt/cobranca
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/cobranca/include \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/cobranca/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/cobranca/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False \
    COBRANCA_CONFIG=/opt/cobranca/include/config \
    COBRANCA_DATA=/data
RUN python3 -m compileall -q /opt/cobranca/include
USER cobranca
WORKDIR /opt/airflow
CMD ["airflow", "version"]
