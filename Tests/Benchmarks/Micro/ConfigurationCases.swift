import GatehouseConfig
import GatehouseCore

let configurationCases = [
    // A file of two routes, as a start and a reload read it.
    MicroCase("configuration") { count in
        let text = Array(
            """
            version: 1
            access: { team: example }
            stores: { env: { kind: env } }
            store: env
            routes:
              - name: coda
                host: coda.example.com
                audience: ["\(String(repeating: "a", count: 64))"]
                upstream: http://coda:8080/mcp
                inject: { Authorization: "Bearer {token}" }
                allow: [ { users: ["*@example.com"] } ]
              - name: wiki
                host: wiki.example.com
                audience: ["\(String(repeating: "b", count: 64))"]
                upstream: https://wiki.example.net/mcp
                inject: { X-Api-Key: "{token}" }
                limits: { rate: 600/min }

            """.utf8
        )
        for _ in 0..<count {
            let configuration = try Configuration(parsing: text, file: "gatehouse.yaml", environment: Environment([:]))
            try check(configuration.routes.routes.count == 2)
        }
    }
]
