internal import ArgumentParser
internal import GatehouseServer
internal import Glibc

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Ask the running instance for its state: configuration, routes, tokens, keys, audit, open streams.",
        discussion: """
            Says what the instance says, whatever the file on disk has become: version, since when, which configuration is in force and \
            whether the file differs, each route's last success and failure, tokens, keys, audit. --markdown is a dated page for a wiki.
            """
    )

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var instance: InstanceOption
    @OptionGroup var form: FormOption
    @Flag(name: .long, help: "Print a page in Markdown.")
    var markdown = false
    @Flag(name: .long, help: "Ask again every two seconds until interrupted; with --json one document a line.")
    var watch = false

    /// Time between two readings of --watch.
    private static let interval: Duration = .seconds(2)

    func validate() throws {
        guard !(form.json && markdown) else { throw ValidationError("--json and --markdown exclude each other") }
    }

    func run() async throws {
        guard watch else { return show(try await look()) }
        while DataOutput.standard.takesMore {
            do {
                let state = try await look()
                // Home and erase, as `watch` and `top` do.
                if Terminal.width != nil { DataOutput.standard.write(Array("\u{1B}[H\u{1B}[2J".utf8)) }
                show(state)
            } catch {
                // It may be restarting.
                for line in CommandFailure(error).lines { Terminal.say(line) }
            }
            DataOutput.standard.flush()
            try await Task.sleep(for: Self.interval)
        }
    }

    private func look() async throws -> [UInt8] {
        try await instance.call(file).status(form.json ? .json : markdown ? .markdown : .text)
    }

    private func show(_ state: [UInt8]) {
        // JSON escapes what would drive a terminal by itself.
        guard !form.json else { return DataOutput.standard.write(state) }
        DataOutput.standard.write(Array(String(decoding: state, as: UTF8.self).visibleLines.utf8))
    }
}
