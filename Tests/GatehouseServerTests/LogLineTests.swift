import GatehouseCore
@testable import GatehouseServer
import Logging
import Testing

@Suite struct ALogLine {
    private static let hostile = "one\ntwo\r\u{1B}[2J\u{7F}\u{9B}31m\u{2028}\u{202E}\"end\\"

    private func line(_ form: GatehouseLogHandler.Form, _ data: Logger.Metadata) -> String {
        var handler = GatehouseLogHandler(level: .info, form: form, queue: GatehouseLogHandler.queue(form))
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

    @Test func hasTheSameDataInBothForms() {
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

    @Test func cannotBeForgedByDataNorDriveATerminal() throws {
        let text = line(.readable, ["path": "\(Self.hostile)"])
        #expect(text.hasSuffix("\n"))
        let inner = text.dropLast().unicodeScalars
        let categories: [Unicode.GeneralCategory] = [.control, .format, .lineSeparator, .paragraphSeparator]
        #expect(!inner.contains { categories.contains($0.properties.generalCategory) })
        #expect(text.contains(#"path=one?two??[2J??31m??"end\"#))
    }

    @Test func isOneJSONObjectWhateverTheData() throws {
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

    @Test func prefersTheDataOfTheEventToThatOfTheLogger() {
        #expect(line(.readable, ["writer": "w2"]).hasSuffix(" writer=w2\n"))
    }
}
