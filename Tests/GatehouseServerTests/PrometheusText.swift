/// Reads the Prometheus text exposition (format 0.0.4) strictly: a page that a scraper would refuse is refused here.
struct PrometheusText {
    struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ what: String, _ line: Substring) { description = "\(what): \(line)" }
    }

    struct Sample: Equatable {
        let name: String
        let labels: [String: String]
        let value: Double
    }

    struct Family {
        let type: String
        var samples: [Sample] = []
    }

    private(set) var families: [String: Family] = [:]

    init(_ text: String) throws {
        guard text.hasSuffix("\n") else { throw Failure("the last line has no end", text.suffix(80)) }
        var described: String?
        var current: String?
        for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
            let words = line.split(separator: " ", maxSplits: 3)
            if line.hasPrefix("# HELP ") {
                guard words.count == 4 else { throw Failure("help without words", line) }
                described = String(words[2])
            } else if line.hasPrefix("# TYPE ") {
                guard words.count == 4, described == String(words[2]) else {
                    throw Failure("a type without help", line)
                }
                guard ["counter", "gauge", "histogram"].contains(words[3]) else { throw Failure("not a type", line) }
                let name = String(words[2])
                guard families.updateValue(Family(type: String(words[3])), forKey: name) == nil else {
                    throw Failure("a family in two places", line)
                }
                current = name
            } else {
                guard let family = current, let type = families[family]?.type else { throw Failure("no family", line) }
                let sample = try Self.sample(line)
                let names = type == "histogram" ? ["_bucket", "_sum", "_count"].map { family + $0 } : [family]
                guard names.contains(sample.name) else { throw Failure("a sample of another family", line) }
                if let twin = families[family]?.samples.first(where: {
                    $0.name == sample.name && $0.labels == sample.labels
                }) {
                    throw Failure("a series twice, \(twin.value)", line)
                }
                families[family]?.samples.append(sample)
            }
        }
    }

    private static func sample(_ line: Substring) throws -> Sample {
        let name = line.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ":") }
        guard let first = name.first, !first.isNumber else { throw Failure("not a name", line) }
        var rest = line.dropFirst(name.count)
        var labels: [String: String] = [:]
        if rest.first == "{" {
            rest = rest.dropFirst()
            while rest.first != "}" {
                let label = rest.prefix { $0.isASCII && ($0.isLetter || $0 == "_") }
                rest = rest.dropFirst(label.count)
                guard !label.isEmpty, rest.hasPrefix("=\"") else { throw Failure("not a label", line) }
                rest = rest.dropFirst(2)
                // Values that would have to be escaped are not expected.
                let value = rest.prefix { $0 != "\"" && $0 != "\\" }
                rest = rest.dropFirst(value.count)
                guard rest.first == "\"" else { throw Failure("a label value without end", line) }
                rest = rest.dropFirst()
                guard labels.updateValue(String(value), forKey: String(label)) == nil else {
                    throw Failure("a label twice", line)
                }
                if rest.first == "," {
                    rest = rest.dropFirst()
                } else if rest.first != "}" {
                    throw Failure("labels", line)
                }
            }
            rest = rest.dropFirst()
        }
        guard rest.first == " ", let value = Double(rest.dropFirst()) else { throw Failure("not a value", line) }
        return Sample(name: String(name), labels: labels, value: value)
    }
}
