import Foundation

/// The commands of a document, in the order in which they stand there.
struct DocumentedCommand: Sendable, CustomStringConvertible {
    let line: String
    /// Errors that the document shows: the command then fails.
    var errors: [String] = []
    /// Refusals that the document shows: the command then fails, too.
    var denials: [String] = []

    var fails: Bool { !errors.isEmpty || !denials.isEmpty }

    var description: String { line }

    /// In `sh` every line is a command, in `console` those behind `$`, followed by what they print.
    static func all(in text: String) -> [DocumentedCommand] {
        var commands: [DocumentedCommand] = []
        var fence: Substring?
        // A backslash at the end of a line goes on in the next one.
        for raw in text.replacing(#/\\\n */#, with: "").split(separator: "\n") {
            let line = raw.drop { $0 == " " }
            if line.hasPrefix("```") {
                fence = fence == nil ? line.dropFirst(3) : nil
            } else if fence == "sh" {
                commands.append(DocumentedCommand(line: String(line)))
            } else if fence == "console" {
                if line.hasPrefix("$ ") {
                    commands.append(DocumentedCommand(line: String(line.dropFirst(2))))
                } else if !commands.isEmpty, line.hasPrefix("gatehouse: error: ") || line.hasPrefix("gatehouse: hint: ")
                {
                    commands[commands.count - 1].errors.append(String(line))
                } else if !commands.isEmpty, line.hasPrefix("deny: ") {
                    commands[commands.count - 1].denials.append(String(line))
                }
            }
        }
        return commands
    }

    /// Beginnings of commands that are not run here, and why.
    static let notRun: [(beginning: String, reason: String)] = [
        ("deploy/demo.sh", "builds the release; the demo has tests of its own"),
        ("deploy/test.sh", "is what runs this test"),
        ("sudo install ", "builds the release, and installs it"),
        ("gatehouse doctor --public-url", "asks a host of the internet; the doctor's tests have a stand-in"),
        ("ssh -N -L", "needs another machine"),
        ("sha256sum --check", "needs a release; Tests/Release checks one"),
        ("docker load ", "needs a release and an engine; Tests/Release reads the archive"),
        ("docker compose ", "needs an engine; Tests/Containers runs the compose files"),
        ("dpkg-deb --extract", "needs a release; Tests/Release has one"),
        ("sudo apt install", "installs a release; Tests/Release does, in a Debian of its own"),
        ("sudo -u gatehouse", "needs the package's user; Tests/Release has it"),
        ("sudo systemd-run", "needs systemd as the first process; SystemdTests run commands as the unit does"),
        ("gatehouse pins ", "needs a route with a pin and a server that changes; PinTests of EndToEndTests runs them"),
        ("gatehouse bearer migrate", "needs a PostgreSQL; FleetBearerTests of EndToEndTests runs it"),
        ("gatehouse key adopt", "needs the key of an env store's time; InstanceKeysTests has one"),
        ("gatehouse token rotate coda --store phase2 --no-probe", "shows a role of PostgreSQL that lacks a privilege"),
    ]

    var isRun: Bool { !Self.notRun.contains { line.hasPrefix($0.beginning) } }

    /// Steps that a reader would have done before, where the document leaves them out. Run once, before the first command that begins so.
    static let preparations: [(beginning: String, fails: Bool, commands: String)] = [
        ("gatehouse key generate --out", false, "rm -f secrets/gatehouse_key local.db* phase2.db* phase3.db*"),
        // The file of the test's own reader stands aside for the one that init writes, until that one was checked.
        ("gatehouse check --config new.yaml", false, "cp gatehouse.yaml new.yaml"),
        ("gatehouse init --defaults", false, "mv gatehouse.yaml own.yaml"),
        ("export CODA_API_TOKEN", false, "mv own.yaml gatehouse.yaml"),
        // The value in the file is a newer one by then.
        ("gatehouse store migrate local phase1", true, "gatehouse token rotate coda < new-token"),
        (
            "gatehouse route remove example", false,
            "gatehouse route add example --host example.example.com --upstream \"$UPSTREAM\" --audience AUD-TAG"
        ),
        (
            "gatehouse token set example", false,
            """
            gatehouse route add example --host example.example.com --upstream "$UPSTREAM" --audience AUD-TAG \
            --header "X-Api-Key: {token}" --allow-user "*@example.com"
            """
        ),
        // The file as it was before the sink was changed, with what that sink has.
        (
            "gatehouse audit migrate before.yaml", false,
            """
            cp gatehouse.yaml before.yaml
            sed -i "s#/audit.db#/newer.db#" gatehouse.yaml
            """
        ),
        (
            "gatehouse key rotate", false,
            """
            gatehouse key generate --out secrets/next
            sed -i "s#{ file: $PWD/secrets/gatehouse_key }#{ file: $PWD/secrets/next }, &#" gatehouse.yaml
            """
        ),
        (
            "gatehouse key rotate", true,
            """
            gatehouse key generate --out secrets/strange
            sed -i "s#master_keys: .* }\\]#master_keys: [{ file: $PWD/secrets/strange }]#" gatehouse.yaml
            """
        ),
    ]
}

/// A reader's machine: a folder with the files that the documents name, a server on loopback in place of Access, the vendor and the MCP server.
extension CommandFixture {
    static func ofReader(server: String, assertion: String) throws -> CommandFixture {
        let fixture = try CommandFixture()
        let path = fixture.path
        for folder in ["bin", "secrets"] {
            try FileManager.default.createDirectory(atPath: "\(path)/\(folder)", withIntermediateDirectories: false)
        }
        try FileManager.default.createSymbolicLink(atPath: "\(path)/bin/gatehouse", withDestinationPath: Command.binary)
        for name in ["token-file", "new-token"] { try fixture.write("value of \(name)\n", to: name) }
        try fixture.write("wrong\n", to: "wrong-token")
        try fixture.write(assertion + "\n", to: "assertion")
        let keys = "master_keys: [{ file: \(path)/secrets/gatehouse_key }]"
        try fixture.write(
            """
            version: 1
            listen: unix:\(path)/proxy.sock
            admin: unix:\(path)/admin.sock
            access: { issuer: "https://example.cloudflareaccess.com", certs_url: "\(server)/certs" }
            stores:
              phase1: { kind: env }
              local: { kind: sqlite, path: \(path)/local.db, \(keys) }
              # In place of PostgreSQL and Infisical, which have tests of their own.
              phase2: { kind: sqlite, path: \(path)/phase2.db, \(keys) }
              phase3: { kind: sqlite, path: \(path)/phase3.db, \(keys) }
            store: local
            audit:
              spool: \(path)/spool
              sink: { kind: sqlite, path: \(path)/audit.db }
            routes:
              - name: coda
                host: coda.example.com
                audience: [\(audience)]
                upstream: \(server)
                inject: { X-Coda-Api-Key: "{token}" }
                authenticate: [access, bearer]
                allow:
                  - { users: ["*@example.com"], tools: ["list_*"] }
                  - { service_tokens: [rows.access], tools: [{ name: create_row, arguments: { docId: ["AbC*"] } }] }
                  - { service_tokens: ["ci.access"], tools: ["search"] }
                probe: { url: "\(server)/whoami", headers: { Authorization: "Bearer {token}" }, expect: 200 }

            """,
            to: "gatehouse.yaml"
        )
        return fixture
    }

    /// Runs commands in a shell, as a reader does.
    func shell(_ commands: String, server: String) async throws -> Command.Outcome {
        let environment = [
            "PATH": "\(path)/bin:/usr/bin:/bin", "HOME": path, "CODA_API_TOKEN": "value of the environment",
            "UPSTREAM": server,
        ]
        let script =
            "set -eu; cd \(path)\n" + commands.replacingOccurrences(of: "/run/secrets/", with: "\(path)/secrets/")
        return try await run(["-c", script], by: "/bin/bash", input: "a value\n", environment: environment)
    }
}
