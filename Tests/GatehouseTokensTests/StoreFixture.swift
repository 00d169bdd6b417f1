import Foundation
import GatehouseCore
@testable import GatehouseTokens
import SQLiteClient
import Synchronization

/// A store in a directory of its own, and a second connection with which to do to it what no store would.
final class StoreFixture: Sendable {
    let directory: String
    let file: String

    static let oldKey = MasterKey(bytes: Secret(0..<32))
    static let newKey = MasterKey(bytes: Secret(100..<132))

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("gatehouse-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        directory = url.path
        file = "\(directory)/tokens.db"
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func store(_ keys: MasterKey..., at time: Int64 = 1_764_000_000) throws -> SealedTokenStore {
        let keyring = try MasterKeyring(keys.isEmpty ? [Self.oldKey] : keys)
        return SealedTokenStore.sqlite(path: file, keyring: keyring, clock: FixedClock(time))
    }

    func sql(_ script: String) throws { try SQLiteConnection(path: file).execute(script) }

    func blob(_ sql: String) throws -> [UInt8] {
        let statement = try SQLiteConnection(path: file).prepare(sql)
        return try statement.step() ? statement.blob(0) : []
    }

    func run(_ sql: String, _ value: [UInt8]) throws { try SQLiteConnection(path: file).run(sql, .blob(value)) }

    /// Every byte of every file that the database consists of.
    func bytes() throws -> Data {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted().reduce(into: Data()) { all, name in
            all.append(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(name)")))
        }
    }
}

struct FixedClock: WallClock {
    let time: Timestamp
    init(_ seconds: Int64) { time = Timestamp(seconds: seconds) }
    func now() -> Timestamp { time }
}

extension RouteName {
    static let coda = name("coda")
    static let other = name("other")
    static func name(_ text: String) -> RouteName {
        do { return try RouteName(parsing: text) } catch { preconditionFailure("a test's name is a name") }
    }
}

extension TokenName {
    static let coda = name("coda")
    static let other = name("other")
    static func name(_ text: String) -> TokenName {
        do { return try TokenName(parsing: text) } catch { preconditionFailure("a test's name is a name") }
    }
}

extension Secret {
    var text: String { withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
}

extension TokenChange {
    static let nothing = change()
    static func change(actor: String = "", note: String = "") -> TokenChange {
        do { return try TokenChange(actor: actor, note: note) } catch {
            preconditionFailure("a test's change is valid")
        }
    }
}

extension TokenStore {
    func set(_ name: TokenName, _ value: String) async throws { try await set(name, to: Secret(value), .nothing) }
    func rotate(_ name: TokenName, _ value: String) async throws { try await rotate(name, to: Secret(value), .nothing) }
}

/// The code of the error that `body` throws; nil when it throws none.
func code(_ body: () async throws -> Void) async -> TokenError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? TokenError)?.code
    }
}
