internal import Foundation

/// Headless Chromium, as Debian's package `chromium` brings it.
package enum Chromium {
    /// Nil where there is none.
    package static let path: String? = ["/usr/bin/chromium", "/usr/bin/chromium-browser"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    package enum Scheme: Int, CaseIterable, Sendable {
        // As Chromium numbers them.
        case dark = 0
        case light = 1
    }

    package struct Outcome: Sendable {
        package let output: String
        package let errors: String
    }

    /// Loads a page once, with a profile of its own, and waits for the end.
    ///
    /// - Parameter folder: where the profile goes.
    package static func load(
        _ url: String,
        _ scheme: Scheme,
        in folder: String,
        _ arguments: [String]
    ) async throws -> Outcome {
        let process = Process()
        process.executableURL = path.map { URL(fileURLWithPath: $0) }
        process.arguments =
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
                "--blink-settings=preferredColorScheme=\(scheme.rawValue)",
                "--user-data-dir=\(folder)/browser-\(UUID().uuidString)",
            ] + arguments + [url]
        process.environment = ["HOME": folder, "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"]
        // Files, because two full pipes would have to be read at once.
        let files = ["out", "err"].map { "\(folder)/\(UUID().uuidString).\($0)" }
        for file in files { _ = FileManager.default.createFile(atPath: file, contents: nil) }
        let handles = try files.map { try FileHandle(forWritingTo: URL(fileURLWithPath: $0)) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = handles[0]
        process.standardError = handles[1]
        try await withCheckedThrowingContinuation { (ended: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in ended.resume() }
            do { try process.run() } catch { ended.resume(throwing: error) }
        }
        let texts = try files.map { String(decoding: try Data(contentsOf: URL(fileURLWithPath: $0)), as: UTF8.self) }
        return Outcome(output: texts[0], errors: texts[1])
    }
}
