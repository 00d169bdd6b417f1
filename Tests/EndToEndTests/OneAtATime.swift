import Testing

/// Suites that each start several interpreters: one test of them at a time, or they would starve the rest of the run.
@Suite(.serialized) enum OneAtATime {}
