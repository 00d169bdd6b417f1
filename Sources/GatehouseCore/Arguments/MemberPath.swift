/// A place in a JSON document: the names of members from the outermost to the innermost. Written with dots between; `\.` is a dot in a name, and
/// `\\` a backslash.
package struct MemberPath: Hashable, Sendable, CustomStringConvertible {
    /// Names in a path.
    package static let maximumNames = 16
    /// Bytes of a path as it is written.
    package static let maximumLength = 256

    package let names: [String]

    package init(parsing text: String) throws(InvalidValue) {
        guard text.utf8.count <= Self.maximumLength else {
            throw InvalidValue("a path has at most \(Self.maximumLength) bytes")
        }
        var names = [""]
        var isEscaped = false
        for character in text.unicodeScalars {
            if isEscaped {
                guard character == "." || character == "\\" else {
                    throw InvalidValue(
                        "a backslash in a path stands before a dot or a backslash",
                        suggestion: #"options.dry\.run is the member "dry.run" of "options""#
                    )
                }
                names[names.count - 1].unicodeScalars.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "." {
                names.append("")
            } else {
                names[names.count - 1].unicodeScalars.append(character)
            }
        }
        guard !isEscaped, names.allSatisfy({ !$0.isEmpty }) else {
            throw InvalidValue(
                "a path is one or more names with dots between",
                suggestion: #"\. is a dot in a name"#
            )
        }
        guard names.allSatisfy(Self.isPlain) else {
            throw InvalidValue(
                "the names of a path are visible ASCII: readers differ about which other letters are the same",
                suggestion: "a space stands only between other characters"
            )
        }
        guard names.count <= Self.maximumNames else {
            throw InvalidValue("a path has at most \(Self.maximumNames) names")
        }
        self.names = names
    }

    private init(names: [String]) { self.names = names }

    /// The place of a member of the value at this place, whatever its name.
    package func appending(_ name: String) -> MemberPath { MemberPath(names: names + [name]) }

    /// The same place in a document that calls the outermost object otherwise.
    package func within(_ outermost: String) -> MemberPath { MemberPath(names: [outermost] + names.dropFirst()) }

    package static let root = MemberPath(names: [])

    private static func isPlain(_ name: String) -> Bool {
        name.utf8.allSatisfy { (0x20..<0x7F).contains($0) } && name.utf8.first != 0x20 && name.utf8.last != 0x20
    }

    /// The path as it is written.
    package var description: String {
        names.map { $0.replacing("\\", with: "\\\\").replacing(".", with: "\\.") }.joined(separator: ".")
    }
}
