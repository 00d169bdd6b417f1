// swift-tools-version: 6.2
import PackageDescription

let plain: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// Set by `Tests/Fuzzing/run.sh`: every module of the project then counts the edges that a run passes.
let isFuzzing = Context.environment["GATEHOUSE_FUZZING"] != nil

let house = plain + (isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer"])] : [])

func module(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: house)
}

/// `exclude`: files that tests read where they lie, like golden files.
func tests(
    _ name: String,
    _ dependencies: [Target.Dependency] = [],
    exclude: [String] = [],
    resources: [Resource] = []
) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, resources: resources, swiftSettings: house)
}

func nio(_ product: String) -> Target.Dependency { .product(name: product, package: "swift-nio") }

let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
    name: "gatehouse",
    products: [
        .executable(name: "gatehouse", targets: ["gatehouse"]),
        .library(name: "AccessIdentity", targets: ["AccessIdentity"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
    ],
    targets: [
        // From top to bottom: an arrow of import points down this list, never up and never sideways.
        .executableTarget(
            name: "gatehouse",
            dependencies: ["GatehouseCommands"],
            swiftSettings: house,
            // A function that is bound at its first call has the registers saved on the stack, with the bytes that were copied last: a token's.
            linkerSettings: [.unsafeFlags(["-Xlinker", "-z", "-Xlinker", "now"])]
        ),
        module(
            "GatehouseCommands",
            [
                "GatehouseOperations", "GatehouseServer", "AccessIdentity", "GatehouseTokens", "GatehouseAudit",
                "GatehouseConfig", "GatehouseCore", "SQLiteClient", "CLinux",
                argumentParser, logging, unixSignals,
            ]
        ),
        module(
            "GatehouseOperations",
            [
                "GatehouseServer", "AccessIdentity", "GatehouseTokens", "GatehouseAudit", "GatehouseConfig",
                "GatehouseMCP", "GatehouseCore", "SocketLoop", "SQLiteClient", "CurlClient", "Threads", logging, crypto,
                cryptoExtras,
            ]
        ),
        module(
            "GatehouseServer",
            [
                "GatehouseProxy", "GatehouseMCP", "AccessIdentity", "GatehouseTokens", "GatehouseAudit",
                "GatehouseConfig",
                "GatehouseCore", "SocketLoop", "CurlClient", "Threads", nio("NIOCore"), logging, crypto,
            ]
        ),
        module(
            "GatehouseProxy",
            ["GatehouseMCP", "GatehouseCore", "SocketLoop", "TLSClient", nio("NIOCore"), logging]
        ),
        module("GatehouseMCP", ["GatehouseCore", crypto]),
        module("AccessIdentity", ["GatehouseCore", crypto, cryptoExtras]),
        module(
            "GatehouseTokens",
            ["GatehouseCore", "SQLiteClient", "PostgresClient", "CurlClient", "CLinux", crypto, cryptoExtras]
        ),
        module(
            "GatehouseAudit",
            ["GatehouseCore", "SQLiteClient", "PostgresClient", "Threads", "CChecksum", "CDigest", crypto]
        ),
        module("GatehouseConfig", ["GatehouseCore", "YAMLReader"]),
        module("GatehouseCore"),
        // Event loops over epoll and the sockets on them; of NIO it takes the buffers.
        module("SocketLoop", ["GatehouseCore", "TLSClient", "Threads", "CLinux", nio("NIOCore")]),

        // One thin Swift face for each C library, the only importer of its system library.
        module("SQLiteClient", ["GatehouseCore", "CSQLite"]),
        module("PostgresClient", ["Threads", "CPostgres"]),
        module("CurlClient", ["TLSClient", "Threads", "CCurl"]),
        module("YAMLReader", ["CYAML"]),
        module("TLSClient", ["COpenSSL"]),
        // Below all that wait for something on a thread of their own.
        module("Threads", ["CLinux"]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CChecksum"),
        .systemLibrary(name: "CDigest", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),

        .target(
            name: "GatehouseTestSupport",
            dependencies: [
                "GatehouseCore", "SocketLoop", "Threads", "CLinux", nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"),
                nioSSL, crypto, cryptoExtras,
            ],
            path: "Tests/GatehouseTestSupport",
            swiftSettings: house
        ),
        .target(
            name: "GatehouseBenchmarkSamples",
            dependencies: ["GatehouseAudit", "GatehouseCore"],
            path: "Tests/Benchmarks/Samples",
            swiftSettings: house
        ),
        .executableTarget(
            name: "GatehouseAuditBenchmark",
            dependencies: ["GatehouseBenchmarkSamples", "GatehouseAudit", "GatehouseCore", "PostgresClient"],
            path: "Tests/Benchmarks/Audit",
            exclude: ["run.sh"],
            swiftSettings: house
        ),
        .executableTarget(
            name: "GatehouseMicroBenchmark",
            dependencies: [
                "GatehouseBenchmarkSamples", "GatehouseProxy", "GatehouseMCP", "AccessIdentity", "GatehouseAudit",
                "GatehouseConfig", "GatehouseCore",
            ],
            path: "Tests/Benchmarks/Micro",
            swiftSettings: house
        ),
        tests(
            "GatehouseCommandsTests",
            [
                "GatehouseCommands", "GatehouseOperations", "GatehouseServer", "AccessIdentity", "GatehouseAudit",
                "GatehouseConfig", "GatehouseCore", "SQLiteClient", "YAMLReader",
                "GatehouseTestSupport",
            ],
            exclude: ["Scripts"]
        ),
        tests(
            "GatehouseServerTests",
            [
                "GatehouseOperations", "GatehouseServer", "GatehouseProxy", "AccessIdentity", "GatehouseTokens",
                "GatehouseAudit", "GatehouseConfig", "GatehouseCore", "CurlClient", "SocketLoop", "SQLiteClient",
                "PostgresClient", "GatehouseTestSupport", logging, crypto,
            ]
        ),
        tests("GatehouseCoreTests", ["GatehouseCore", "GatehouseTestSupport"], exclude: ["Cases"]),
        tests(
            "GatehouseConfigTests",
            ["GatehouseConfig", "GatehouseCore", "YAMLReader", "GatehouseTestSupport"],
            exclude: ["Golden"]
        ),
        tests("YAMLReaderTests", ["YAMLReader"]),
        tests(
            "GatehouseProxyTests",
            [
                "GatehouseProxy", "GatehouseMCP", "GatehouseCore", "SocketLoop", "TLSClient", "GatehouseTestSupport",
                nio("NIOCore"),
                nio("NIOPosix"), nioSSL, logging,
            ]
        ),
        tests("GatehouseMCPTests", ["GatehouseMCP", "GatehouseCore", "GatehouseTestSupport", crypto]),
        tests(
            "AccessIdentityTests",
            ["AccessIdentity", "GatehouseCore", "GatehouseTestSupport"],
            resources: [.copy("Vectors")]
        ),
        tests(
            "GatehouseTokensTests",
            [
                "GatehouseTokens", "GatehouseCore", "GatehouseTestSupport", "SQLiteClient", "PostgresClient",
                "CurlClient",
                crypto,
            ],
            exclude: ["Fixtures"]
        ),
        tests(
            "GatehouseAuditTests",
            [
                "GatehouseAudit", "GatehouseCore", "SQLiteClient", "PostgresClient", "Threads", "GatehouseTestSupport",
                crypto,
            ],
            exclude: ["Databases"]
        ),
        tests("SQLiteClientTests", ["SQLiteClient"]),
        tests(
            "SocketLoopTests",
            ["SocketLoop", "GatehouseCore", "GatehouseTestSupport", "Threads", nio("NIOCore")]
        ),
        tests(
            "TLSClientTests",
            ["TLSClient", "GatehouseTestSupport", nio("NIOCore"), nio("NIOEmbedded"), nio("NIOTLS"), nioSSL]
        ),
        tests("CurlClientTests", ["CurlClient", "Threads"]),
        tests("PostgresClientTests", ["PostgresClient", "GatehouseTestSupport"]),
        tests("ThreadsTests", ["Threads"]),
        tests(
            "EndToEndTests",
            [
                "GatehouseServer", "GatehouseMCP", "GatehouseTokens", "GatehouseCore", "GatehouseTestSupport",
                "SocketLoop", "CurlClient", "Threads",
            ],
            exclude: ["Python", "Readers"]
        ),
    ]
)

// The same targets twice: as tests over what earlier runs have kept, and as the program that finds more.
let fuzzed: [Target.Dependency] = [
    "GatehouseProxy", "GatehouseMCP", "AccessIdentity", "GatehouseTokens", "GatehouseAudit", "GatehouseCore",
    "CurlClient",
    "YAMLReader", "GatehouseTestSupport", nio("NIOCore"), nio("NIOEmbedded"), nio("NIOHTTP1"), crypto,
]
package.targets.append(
    isFuzzing
        ? .executableTarget(
            name: "Fuzzing",
            dependencies: fuzzed,
            path: "Tests/Fuzzing",
            exclude: ["Suites", "Corpus", "run.sh"],
            swiftSettings: plain
        ) : tests("Fuzzing", fuzzed, exclude: ["Driver", "Corpus", "run.sh"])
)
