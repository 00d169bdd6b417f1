internal import GatehouseCore
internal import Glibc
package import Logging

/// Log lines: JSON for machines, readable for people on a terminal. Messages are constants; data is metadata.
package struct GatehouseLogHandler: LogHandler {
    package enum Form: Sendable {
        case json
        case readable
    }

    private let level: LogLevel
    private var ownLevel: Logger.Level?
    /// The level of the process, unless this logger was given its own.
    package var logLevel: Logger.Level {
        get { ownLevel ?? level.current }
        set { ownLevel = newValue }
    }
    package var metadata: Logger.Metadata = [:]
    private let form: Form
    private let queue: LogQueue

    package init(level: LogLevel, form: Form, queue: LogQueue) {
        self.level = level
        self.form = form
        self.queue = queue
    }

    /// A queue to standard error that reports lost lines in the same form.
    package static func queue(_ form: Form) -> LogQueue {
        LogQueue { lost in
            line(
                .warning,
                "log lines were lost: nobody read them in time",
                ["lines": "\(lost)"],
                at: SystemClock().now(),
                form
            )
        }
    }

    /// Readable on a terminal, JSON elsewhere.
    package static var formOfStandardError: Form { isatty(STDERR_FILENO) == 1 ? .readable : .json }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) { queue.put(line(for: event, at: SystemClock().now())) }

    /// The whole line with its end.
    func line(for event: LogEvent, at time: Timestamp) -> [UInt8] {
        let data = metadata.merging(event.metadata ?? [:]) { _, new in new }
        return Self.line(event.level, event.message, data, at: time, form)
    }

    private static func line(
        _ level: Logger.Level,
        _ message: Logger.Message,
        _ data: Logger.Metadata,
        at time: Timestamp,
        _ form: Form
    ) -> [UInt8] {
        let data = data.sorted { $0.key < $1.key }
        let time = time.rfc3339
        var line: [UInt8]
        switch form {
        case .json:
            var json = JSONText()
            json.object { line in
                line.string("time", time)
                line.string("level", level.rawValue)
                line.string("message", message.description)
                for (key, value) in data { line.string(key, value.description) }
            }
            line = json.bytes
        case .readable:
            var text = "\(time) \(level.rawValue.padded(to: 8)) \(message)"
            for (key, value) in data { text += " \(key)=\(plain(value.description))" }
            line = Array(text.utf8)
        }
        line.append(0x0A)
        return line
    }

    /// Control characters would let data forge lines or drive a terminal: those of Latin-1 (U+0080 to U+009F) too, and what breaks lines
    /// or turns the direction of text.
    private static func plain(_ text: String) -> String {
        let scalars = text.unicodeScalars.map { scalar -> Unicode.Scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: "?"
            case _: scalar
            }
        }
        return String(String.UnicodeScalarView(scalars))
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - utf8.count))
    }
}
