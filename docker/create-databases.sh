#!/bin/bash
# Runs once, when the volume of PostgreSQL is empty; "airflow" is made by the image itself.
set -eu
for database in ledger warehouse demo_erp; do
    createdb --username "$POSTGRES_USER" "$database"
done
