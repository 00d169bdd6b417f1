/// The tables by which the instances of a fleet know each other: script n brings version n - 1 to n. Times are microseconds since 1970, by the database's
/// clock, but for `since`, which is only shown.
///
/// They are a component of their own, so that an instance of an older release, which does not know them, goes on beside them.
enum FleetSchema {
    static let component = "fleet"

    static let postgres: [[String]] = [
        [
            """
            CREATE TABLE instances (
                id text PRIMARY KEY,
                name text NOT NULL,
                version text NOT NULL,
                since bigint NOT NULL,
                configuration text NOT NULL,
                seal bytea NOT NULL,
                seen_at bigint NOT NULL
            )
            """,
            """
            CREATE UNLOGGED TABLE rate_spending (
                instance text NOT NULL,
                owner bigint NOT NULL,
                spent bigint NOT NULL,
                made_at bigint NOT NULL,
                changed_at bigint NOT NULL,
                PRIMARY KEY (instance, owner)
            )
            """,
            "CREATE INDEX rate_spending_changed ON rate_spending (changed_at)",
        ]
    ]
}
