internal import GatehouseCore
internal import YAMLReader

/// The keys of one mapping while they are read.
struct Keys {
    let span: YAMLSpan
    private var shown: [(order: Int, key: String, value: Shown)] = []

    /// In the order of the file. A few short names are found sooner one by one than by a table that each mapping has made first.
    private let entries: [YAMLEntry]
    private let known: KnownKeys
    /// Keys that an unknown one probably means: nothing more is said about their absence.
    private let meant: Set<String>
    private let decoding: Decoding

    /// Nil, and reported, when the node is no mapping. Keys that are not `known` are reported.
    ///
    /// - Parameter wanted: what the mapping is, to say so: "a route".
    init?(_ node: YAMLNode, _ known: KnownKeys, wanted: String, _ decoding: Decoding) {
        guard case .mapping(let entries) = node.content else {
            decoding.wrongType(node, wanted: wanted)
            return nil
        }
        span = node.span
        self.decoding = decoding
        self.entries = entries
        self.known = known
        var meant: Set<String> = []
        // Once for all unknown keys: a file may have a hundred thousand.
        lazy var absent = known.names.filter { name in !entries.contains { $0.key == name } }
        for entry in entries where !known.contains(entry.key) {
            let nearest = decoding.isFull ? nil : Spelling.nearest(entry.key, in: absent)
            if let nearest { meant.insert(nearest) }
            decoding.error(
                "unknown key \(PlainText.echo(entry.key)) in \(wanted)",
                at: entry.keySpan,
                hint: nearest.map { "did you mean '\($0)'?" } ?? "known keys: \(known.names.joined(separator: ", "))"
            )
        }
        self.meant = meant
    }

    /// The keys in the order of the fields, whatever the order of the file.
    var inOrder: Shown {
        .mapping(shown.sorted { $0.order < $1.order }.map { ($0.key, $0.value) })
    }

    /// Whether a key is there, or one that probably means it.
    func isMeant(_ key: String) -> Bool { has(key) || meant.contains(key) }

    func has(_ key: String) -> Bool { entry(key) != nil }

    private func entry(_ key: String) -> YAMLEntry? { entries.first { $0.key == key } }

    /// The value of a key, else its default. Nil when it is optional and absent, or when something is wrong, which then is
    /// reported.
    ///
    /// - Parameter shownAs: the key under which `--print` shows it, when it is not its own.
    mutating func read<Value>(_ field: Field<Value>, shownAs shownKey: String? = nil) -> Value? {
        guard let entry = entry(field.key) else {
            if field.isRequired { missing(field, hint: field.documentation) }
            guard let fallback = field.fallback else { return nil }
            add(field.key, fallback.shown)
            return fallback.value
        }
        guard let decoded = field.shape.decodeWhole(entry.value, decoding) else { return nil }
        add(shownKey ?? field.key, decoded.shown)
        return decoded.value
    }

    /// The value of an optional key that is required where it stands.
    mutating func require<Value>(_ field: Field<Value>, hint: String? = nil) -> Value? {
        if has(field.key) { return read(field) }
        missing(field, hint: hint ?? field.documentation)
        return nil
    }

    /// Nothing more is said of a key that an unknown one probably means.
    private func missing(_ field: Field<some Sendable>, hint: String) {
        guard !meant.contains(field.key) else { return }
        decoding.error("'\(field.key)' is missing", at: beginning, hint: hint)
    }

    /// The place of what is missing.
    var beginning: YAMLSpan { YAMLSpan(start: span.start, end: span.start) }

    /// Shows a value that was not read but follows from others, also in place of what was read.
    mutating func show(_ key: String, _ value: Shown) {
        shown.removeAll { $0.key == key }
        add(key, value)
    }

    private mutating func add(_ key: String, _ value: Shown) { shown.append((known.position(of: key), key, value)) }

    /// The position of a key's value; the mapping's start when the key is absent.
    ///
    /// - Parameter other: the key to point at instead when `key` is absent.
    func place(of key: String, _ other: String? = nil) -> YAMLSpan {
        let found = entry(key) ?? other.flatMap { entry($0) }
        return found?.value.span ?? beginning
    }

    /// The keys of the mapping under a key, whether they could be read or not.
    func names(under key: String) -> [String] {
        if case .mapping(let entries) = entry(key)?.value.content { entries.map(\.key) } else { [] }
    }

    func place(ofKey key: String) -> YAMLSpan { entry(key)?.keySpan ?? place(of: key) }

    /// The position of a key in the mapping under another one; the mapping's where it is absent.
    func place(ofKey key: String, under outer: String) -> YAMLSpan {
        guard case .mapping(let entries) = entry(outer)?.value.content,
            let entry = entries.first(where: { $0.key == key })
        else { return place(of: outer) }
        return entry.keySpan
    }
}

/// The keys that a mapping may have, in the order in which they are shown. Made once for each kind of mapping.
struct KnownKeys: Sendable {
    let names: [String]
    private let positions: [String: Int]

    init(_ fields: [FieldForm]) {
        names = fields.map(\.key)
        positions = Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
    }

    func contains(_ key: String) -> Bool { positions[key] != nil }

    /// The last for a key that is shown and never written.
    func position(of key: String) -> Int { positions[key] ?? .max }
}
