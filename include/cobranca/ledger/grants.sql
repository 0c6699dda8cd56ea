-- Rights on a PostgreSQL ledger for the role that the pipeline works with, so that not even it can rewrite the past.
-- The tables belong to another role, which runs the migrations (once: COBRANCA_LEDGER with that role, any command) and then
--     psql -v app=cobranca_app -f grants.sql
-- Run it again after an upgrade that adds tables. History is appended by triggers with the owner's rights; they also refuse
-- deleting and emptying to the owner itself.
grant usage on schema public to :"app";
grant select, insert, update on all tables in schema public to :"app";
grant usage on all sequences in schema public to :"app";
revoke insert, update on contact_history from :"app";
revoke insert, update on alembic_version from :"app";
-- A newer plan of the same date replaces what a message asks for, as long as it has not left.
grant delete on contact_items to :"app";
