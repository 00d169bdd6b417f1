internal import GatehouseCore
internal import Glibc

/// Standard output is data, standard error is words.
enum Terminal {
    static func print(_ text: String) { DataOutput.standard.write(Array((text + "\n").utf8)) }
    static func print(_ json: JSONText) { DataOutput.standard.write(json.bytes + [0x0A]) }

    static func say(_ text: String) { write(text + "\n") }
    static func error(_ text: String) { say("gatehouse: error: \(text)") }
    static func warning(_ text: String) { say("gatehouse: warning: \(text)") }
    static func hint(_ text: String) { say("gatehouse: hint: \(text)") }

    /// Whether standard input is a terminal.
    static var isInteractive: Bool { isatty(STDIN_FILENO) == 1 }
    /// Whether standard error is a terminal.
    static var showsProgress: Bool { isatty(STDERR_FILENO) == 1 }

    /// Whether standard output is a terminal whose owner has nothing against colours (no-color.org).
    static var isColoured: Bool {
        isatty(STDOUT_FILENO) == 1 && getenv("NO_COLOR").map { $0.pointee == 0 } ?? true
            && getenv("TERM").map { strcmp($0, "dumb") != 0 } ?? false
    }

    /// Columns of the terminal that standard output is; nil when it is none, so that nothing is cut from a file or pipe.
    static var width: Int? {
        var size = winsize()
        guard isatty(STDOUT_FILENO) == 1, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return nil
        }
        return Int(size.ws_col)
    }

    /// Overwrites the line of progress on standard error; an empty text removes it.
    static func progress(_ text: String) { write("\r\u{1B}[K\(text)") }

    /// A line of progress: a bar, how much of it is done, and of what.
    static func bar(_ done: Int, of total: Int, _ what: String) -> String {
        let width = 24
        let part = min(1, Double(done) / Double(max(1, total)))
        let full = Int(part * Double(width))
        let bar = String(repeating: "█", count: full) + String(repeating: "░", count: width - full)
        return "\(bar) \(Int(part * 100))%  \(done) of \(total) \(what)"
    }

    /// Words without a line end: what follows is typed behind them.
    static func ask(_ text: String) { write(text) }

    /// Asks for a word before something is destroyed.
    ///
    /// - Parameters:
    ///   - what: what is for good, for who is no user at a terminal.
    ///   - question: asks for the word.
    ///   - refusal: what did not happen, for one who typed another.
    static func confirm(
        _ what: String,
        _ question: String,
        by word: String,
        orElse refusal: String
    ) throws(CommandFailure) {
        guard isInteractive else { throw CommandFailure(what, hint: "add --yes to do it", code: .usage) }
        ask(question)
        guard readLine() == word else { throw CommandFailure(refusal) }
    }

    private static func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in _ = DataOutput.write(UnsafeRawBufferPointer(bytes), to: STDERR_FILENO) }
    }
}

extension String {
    /// The text fit for a terminal line by line: diagnostics have several.
    var visibleLines: String {
        split(separator: "\n", omittingEmptySubsequences: false).map { String($0).visible }.joined(separator: "\n")
    }
}
