-- Rights of the working role on a PostgreSQL ledger, so that it cannot rewrite the past.
-- The tables belong to another role, which runs the migrations. Set COBRANCA_LEDGER to that role once
-- and run any command, then:
--     psql -v app=cobranca_app -f grants.sql
-- Run it again after an upgrade that adds tables. Triggers append the history with the owner's rights.
-- They refuse delete and truncate to the owner too.
grant usage on schema public to :"app";
grant select, insert, update on all tables in schema public to :"app";
grant usage on all sequences in schema public to :"app";
revoke insert, update on contact_history from :"app";
revoke insert, update on alembic_version from :"app";
-- A newer plan of the same date replaces the items of a contact that has not been claimed.
grant delete on contact_items to :"app";
