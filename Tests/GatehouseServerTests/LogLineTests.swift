import GatehouseCore
@testable import GatehouseServer
import Logging
import Testing

@Suite struct ALogLine {
    private static let hostile = "one\ntwo\r\u{1B}[2J\u{7F}\u{9B}31m\u{2028}\u{202E}\"end\\"

    @Test func `follows the level of the process, unless the command line has fixed it`() {
        let level = LogLevel(.info)
        let handler = GatehouseLogHandler(level: level, form: .json, queue: GatehouseLogHandler.queue(.json))
        level.follow(.debug)
        #expect(handler.logLevel == .debug)
        var own = handler
        own.logLevel = .error
        #expect(own.logLevel == .error && handler.logLevel == .debug)
        let fixed = LogLevel(.warning, isFixed: true)
        fixed.follow(.debug)
        #expect(fixed.current == .warning)
    }

    private func line(_ form: GatehouseLogHandler.Form, _ data: Logger.Metadata) -> String {
        var handler = GatehouseLogHandler(level: LogLevel(.info), form: form, queue: GatehouseLogHandler.queue(form))
        handler[metadataKey: "writer"] = "w1"
        let event = LogEvent(
            level: .warning,
            message: "a constant",
            metadata: data,
            source: nil,
            file: #fileID,
            function: #function,
            line: #line
        )
        return String(decoding: handler.line(for: event, at: Timestamp(seconds: 1_795_424_400)), as: UTF8.self)
    }

    @Test func `a log line has the same data in both forms`() {
        #expect(
            line(.json, ["upstream.error": "gone"])
                == #"{"time":"2026-11-23T09:00:00.000000Z","level":"warning","message":"a constant","#
                + #""upstream.error":"gone","writer":"w1"}"# + "\n"
        )
        #expect(
            line(.readable, ["upstream.error": "gone"])
                == "2026-11-23T09:00:00.000000Z warning  a constant upstream.error=gone writer=w1\n"
        )
    }

    @Test func `a log line cannot be forged by data, nor drive a terminal`() throws {
        let text = line(.readable, ["path": "\(Self.hostile)"])
        #expect(text.hasSuffix("\n"))
        let inner = text.dropLast().unicodeScalars
        let categories: [Unicode.GeneralCategory] = [.control, .format, .lineSeparator, .paragraphSeparator]
        #expect(!inner.contains { categories.contains($0.properties.generalCategory) })
        #expect(text.contains(#"path=one?two??[2J??31m??"end\"#))
    }

    @Test func `a log line is one JSON object, whatever the data`() throws {
        let text = line(.json, ["path": "\(Self.hostile)"])
        #expect(text.utf8.count { $0 == 0x0A } == 1)
        let path = try Array(text.utf8).withUnsafeBytes { bytes in
            var scanner = try JSONScanner(bytes)
            var path: String?
            try scanner.beginObject()
            while let name = try scanner.nextMember() {
                let value = try scanner.string().text
                if name == "path" { path = value }
            }
            try scanner.finish()
            return path
        }
        #expect(path == Self.hostile)
    }

    @Test func `a log line prefers the data of the event to that of the logger`() {
        #expect(line(.readable, ["writer": "w2"]).hasSuffix(" writer=w2\n"))
    }
}
