-- The tables of tokens as release 0.1.0 made them in a PostgreSQL, with the rows that it made in gatehouse.db beside this file
CREATE SCHEMA gatehouse;
SET search_path TO gatehouse;
CREATE TABLE schema_versions (component text PRIMARY KEY, version integer NOT NULL CHECK (version >= 0));
INSERT INTO schema_versions VALUES ('tokens', 1);
CREATE TABLE token_versions (
    name text NOT NULL,
    version bigint NOT NULL,
    predecessor bigint,
    created_at bigint NOT NULL,
    expires_at bigint,
    actor text NOT NULL,
    note text NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (name, version)
);
CREATE TABLE token_heads (
    name text PRIMARY KEY,
    current bigint NOT NULL,
    latest bigint NOT NULL,
    revision bigint NOT NULL,
    changed_at bigint NOT NULL,
    seal bytea NOT NULL
);
CREATE TABLE token_events (
    name text NOT NULL,
    revision bigint NOT NULL,
    action text NOT NULL,
    version bigint NOT NULL,
    at bigint NOT NULL,
    actor text NOT NULL,
    note text NOT NULL,
    seal bytea NOT NULL,
    PRIMARY KEY (name, revision)
);
INSERT INTO token_versions VALUES ('coda', 1, NULL, 1795820925389086, NULL, 'root', 'migrated from phase1', '\x47485331630dcd2966c4336696e01dda88e1fffd72a6185f7ef57d5a1af5be86d113666e8b2ea5ae3e2064ca585f7f83914d03271e2d4ba63a9d3d892e6a953942f6d30d06cce0c525124125ec06cc8f7a0e317bb7dc41715cdb549356ae63a5ec7a5c7628557aab1ada9b803974417d284b64');
INSERT INTO token_versions VALUES ('coda', 2, 1, 1795820925544188, NULL, 'root', 'by 0.1.0', '\x47485331630dcd2966c43366327881487d166be7d42c80d7b57cb9f861eba4253e7e45a82440ac3e370863f7de91c5f54f6a551910830d41125483234c2425c9e45d20f47206395fb36075cc7e9c872bdce5add6958295e95c5f108647c783bcf12bf9ee28cb351408248e9225cd975413a240');
INSERT INTO token_heads VALUES ('coda', 2, 2, 2, 1795820925545183, '\x47484831630dcd2966c43366dcf8efcf358369a9a49db99257b0445c8751e35a3447a9f09ab4caa66869d601');
INSERT INTO token_events VALUES ('coda', 1, 'set', 1, 1795820925389865, 'root', 'migrated from phase1', '\x47484531630dcd2966c433665635795d0c977eee339e5b834f468344e0b0bb0636f05f1eb34544500b1605c3');
INSERT INTO token_events VALUES ('coda', 2, 'rotate', 2, 1795820925545183, 'root', 'by 0.1.0', '\x47484531630dcd2966c433667775d67ea76d5c8cc0d47ab1857cbde939a3f6fd1018d9ff0327547618e10ec4');
