internal import ArgumentParser
internal import GatehouseConfig

struct Schema: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the JSON Schema of the configuration, for editors.",
        discussion: "Put `# yaml-language-server: $schema=gatehouse.schema.json` on the file's first line to use it."
    )

    @Flag(name: .long, help: "Print the reference page instead, as Markdown.")
    var reference = false

    func run() throws {
        DataOutput.standard.write(Array((reference ? ConfigurationReference.text : ConfigurationSchema.text).utf8))
    }
}
