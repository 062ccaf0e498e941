"""The outbox's triggers, frozen: revisions that have run refer to them; a change is a new revision."""

# The lock and the wake-up, as the table's own triggers. Both functions live in the service's schema.
INSTALL = """
CREATE FUNCTION {schema}.outbox_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('duijie feed'), hashtext(TG_TABLE_SCHEMA));
    RETURN NULL;
END $$;
CREATE FUNCTION {schema}.outbox_wakes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('feed_' || TG_TABLE_SCHEMA, '');
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_in_order BEFORE INSERT ON {schema}.outbox
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.outbox_in_order();
CREATE TRIGGER outbox_wakes AFTER INSERT ON {schema}.outbox
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.outbox_wakes();
INSERT INTO {schema}.feed_state (epoch, floor) VALUES (replace(gen_random_uuid()::text, '-', ''), 0);
"""
UNINSTALL = """
DROP TRIGGER outbox_in_order ON {schema}.outbox;
DROP TRIGGER outbox_wakes ON {schema}.outbox;
DROP FUNCTION {schema}.outbox_in_order();
DROP FUNCTION {schema}.outbox_wakes();
"""
