import Foundation
import Testing

/// The places of the parts of the end-to-end tests.
enum Tools {
    /// Interpreters that have mcp 1.30.0 and mcp 2.3.0.
    static let python1 = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_PYTHON_1"]
    static let python2 = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_PYTHON_2"]
    /// One that has fastmcp with its tasks.
    static let pythonTasks = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_PYTHON_TASKS"]

    /// The product beside the test bundle, in the same build.
    static let gatehouse: String = {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["GATEHOUSE_TEST_BINARY"] { return path }
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        // SwiftPM runs the bundle either itself or through a tool that gets its path as an argument.
        let candidates = [bundle] + CommandLine.arguments.filter { $0.hasSuffix(".xctest") }
        return
            candidates
            .map { URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("gatehouse").path }
            .first { FileManager.default.isExecutableFile(atPath: $0) } ?? "no gatehouse beside the tests"
    }()

    /// Node and Go, where they are installed.
    static let node = inPath("node")
    static let go = inPath("go")

    private static func inPath(_ program: String) -> String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(program)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    static func script(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Python/\(name)").path
    }

    static func python(_ sdk: SDK) throws -> String { try #require(sdk == .one ? python1 : python2) }

    /// A folder that is deleted with this object.
    final class Folder: Sendable {
        let path: String

        init() throws {
            var template = Array("/tmp/gatehouse-e2e.XXXXXX".utf8CString)
            path = String(cString: try #require(mkdtemp(&template)))
            Watchdog.shared?.made(folder: path)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func write(_ text: String, to name: String) throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"), options: .atomic)
        }
    }
}

/// The two versions of the official SDK: before 2026-07-28, and speaking both eras.
enum SDK: String, CaseIterable, Sendable {
    case one = "1.30.0"
    case two = "2.3.0"
}

extension Trait where Self == ConditionTrait {
    static var needsTools: Self {
        .enabled(
            if: Tools.python1 != nil && Tools.python2 != nil && Tools.pythonTasks != nil,
            "GATEHOUSE_TEST_PYTHON_1, _2 and _TASKS name no interpreters; deploy/test.sh provides them"
        )
    }
}
