/// The function that makes a partition with the rights of the tables' owner, so that a user who may only INSERT still gets one for a new month.
enum PostgresPartitions {
    /// Replaces the function of the first release.
    ///
    /// A function with its owner's rights must resolve no name by what its caller can make. That is why it names each schema, and why its
    /// own path ends in `pg_temp`: a path without it begins with it, and then a temporary domain named `text` is what `text` means
    /// (CREATE FUNCTION, "Writing SECURITY DEFINER Functions Safely").
    ///
    /// It makes partitions for months around the present only, so that it is good for nothing else. Its lock timeout is two seconds: a user with the
    /// right to INSERT could hold the table, and then the events of the month go to the default partition.
    static let hardened = """
        DO $do$ BEGIN EXECUTE pg_catalog.format($function$
        CREATE OR REPLACE FUNCTION %1$I.audit_make_partition(wanted pg_catalog.timestamptz) RETURNS pg_catalog.bool
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, %1$I, pg_temp SET lock_timeout = '2s' AS $$
        DECLARE
            month pg_catalog.timestamp := pg_catalog.date_trunc('month', wanted AT TIME ZONE 'UTC');
            name pg_catalog.text := 'audit_events_' OPERATOR(pg_catalog.||) pg_catalog.to_char(month, 'YYYY_MM');
        BEGIN
            IF pg_catalog.to_regclass(pg_catalog.format('%%I.%%I', %1$L, name)) IS NOT NULL THEN RETURN true; END IF;
            IF pg_catalog.abs(pg_catalog.date_part('epoch', wanted OPERATOR(pg_catalog.-) pg_catalog.now()))
                OPERATOR(pg_catalog.>) 40 * 86400 THEN RETURN false; END IF;
            EXECUTE pg_catalog.format(
                'CREATE TABLE IF NOT EXISTS %%I.%%I PARTITION OF %%I.audit_events FOR VALUES FROM (%%L) TO (%%L)',
                %1$L, name, %1$L, month AT TIME ZONE 'UTC',
                (month OPERATOR(pg_catalog.+) pg_catalog.make_interval(months => 1)) AT TIME ZONE 'UTC'
            );
            RETURN true;
        EXCEPTION
            -- Another has just made it.
            WHEN duplicate_table OR unique_violation THEN RETURN true;
            -- The month has begun in the default partition: there it goes on.
            WHEN check_violation OR lock_not_available OR deadlock_detected THEN RETURN false;
        END
        $$
        $function$, pg_catalog.current_schema()); END $do$
        """
}
