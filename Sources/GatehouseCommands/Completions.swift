internal import ArgumentParser
internal import GatehouseConfig

/// Words that a shell offers: names of the configuration that the command would use. Nothing is asked of a store, which would need its keys.
enum Completions {
    static let routes = CompletionKind.custom { words, _, _ in names(words).routes }
    static let tokens = CompletionKind.custom { words, _, _ in names(words).tokens }
    static let stores = CompletionKind.custom { words, _, _ in names(words).stores }

    private static func names(_ words: [String]) -> Configuration.Names {
        var option = ConfigurationOption()
        option.config = given(words)
        return Configuration.names(path: option.path)
    }

    /// The text behind `--config` in the line that is being typed.
    private static func given(_ words: [String]) -> String? {
        for (index, word) in words.enumerated().reversed() {
            if word == "--config", index + 1 < words.count { return words[index + 1] }
            if word.hasPrefix("--config=") { return String(word.dropFirst(9)) }
        }
        return nil
    }
}
