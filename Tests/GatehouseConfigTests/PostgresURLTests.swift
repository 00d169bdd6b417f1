import GatehouseConfig
import GatehouseCore
import Testing

/// Variables in a database URL, and the parts of it that are never shown.
@Suite struct PostgresURLTests {
    private func url(_ written: String, _ environment: Environment) throws -> String {
        let sink = "audit: { spool: /spool, sink: { kind: postgres, url: \"\(written)\" } }\n"
        let configuration = try read(minimal + sink, environment)
        guard case .postgres(let url) = configuration.audit.sink else { return "" }
        return url.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    @Test(arguments: [
        ("p@ss", "p%40ss"), ("a/b", "a%2Fb"), ("50%20", "50%2520"), ("two words", "two%20words"),
        ("q?x#y", "q%3Fx%23y"),
        ("[::1]:5432", "%5B%3A%3A1%5D%3A5432"), ("ü", "%C3%BC"), ("plain-._~9", "plain-._~9"), ("", ""),
    ])
    func `no character of a password from a variable is structure`(password: String, encoded: String) throws {
        #expect(
            try url("postgres://u:${PW}@db:5432/gatehouse?sslmode=require", ["PW": password])
                == "postgres://u:\(encoded)@db:5432/gatehouse?sslmode=require"
        )
    }

    @Test func `what a variable holds is no variable itself`() throws {
        #expect(
            try url("postgres://${NAME}:${PW}@db/d", ["NAME": "u", "PW": "${OTHER}", "OTHER": "x"])
                == "postgres://u:%24%7BOTHER%7D@db/d"
        )
        // As elsewhere in the file.
        #expect(try url("postgres://u:${PW:-}@db/$${d}", ["PW": "p"]) == "postgres://u:p@db/${d}")
        let missing = problems(
            minimal + "audit: { spool: /spool, sink: { kind: postgres, url: \"postgres://u:${PW}@db/d\" } }\n"
        )
        #expect(missing.count == 1)
    }

    @Test func `a user beside a password is encoded, too`() throws {
        #expect(
            try url("postgres://${NAME}:${PW}@db/d", ["NAME": "a@b:c", "PW": "x:y"])
                == "postgres://a%40b%3Ac:x%3Ay@db/d"
        )
    }

    @Test func `what gives more than a user or a password is taken as it is`() throws {
        let whole = "postgres://u:p%40ss@db:5432/d?sslmode=require"
        #expect(try url("${URL}", ["URL": whole]) == whole)
        #expect(
            try url("postgres://${WHO}@${WHERE}/d", ["WHO": "u:p%40", "WHERE": "db:1"]) == "postgres://u:p%40@db:1/d"
        )
    }

    @Test(arguments: [
        ("postgres://u:hunter2@db:5432/d?sslmode=require&password=hunter2", "postgres://u@db:5432/d"),
        ("postgresql://u:hunter2@db/d#hunter2", "postgresql://u@db/d"), ("postgres://db/d", "postgres://db/d"),
    ])
    func `it is shown without password and options`(whole: String, shown: String) throws {
        #expect(try PostgresURL(parsing: whole).description == shown)
        let sink = "audit: { spool: /spool, sink: { kind: postgres, url: \"${URL}\" } }\n"
        let effective = try read(minimal + sink, ["URL": whole]).effective
        // The file as it is in force keeps the variable.
        #expect(effective.contains("${URL}") && !effective.contains("hunter2"))
    }

    @Test(arguments: [
        "postgres://u:hunter2@x@db/d", "postgres://u:hunter2/x@db/d", "postgres://hunter2@u:x@db/d",
        "postgres://u:hunter2@db/d@x",
    ])
    func `a URL in which a password would end early is refused without repeating it`(url: String) {
        let sink = "audit: { spool: /spool, sink: { kind: postgres, url: \"${URL}\" } }\n"
        let found = problems(minimal + sink, ["URL": url])
        #expect(found.count == 1)
        #expect(found.allSatisfy { !"\($0)".contains("hunter2") })
    }
}
