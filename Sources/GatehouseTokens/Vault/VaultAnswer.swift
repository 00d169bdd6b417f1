internal import CurlClient
internal import GatehouseCore

/// Reads the server's answers, never trusting that they are what its API says.
enum VaultAnswer {
    /// `{data: {keys: […]}}`.
    static func names(_ body: CurlBody) throws(TokenError) -> [String] {
        try read(body) { scanner throws(JSONFault) in
            try member("data", of: &scanner) { scanner throws(JSONFault) in
                try member("keys", of: &scanner) { scanner throws(JSONFault) in
                    var keys: [String] = []
                    try scanner.beginArray()
                    while try scanner.nextElement() { keys.append(try scanner.string().text) }
                    return keys
                }
            }
        }
    }

    /// `{data: {data: {…}, metadata: {…}}}`; the inner data are null for a version that was deleted or destroyed.
    static func secret(_ body: CurlBody) throws(TokenError) -> VaultSecret {
        try read(body) { scanner throws(JSONFault) in
            try member("data", of: &scanner) { scanner throws(JSONFault) in
                var secret = VaultSecret()
                var hasMetadata = false
                var hasFields = false
                var names = JSONNames()
                try scanner.beginObject()
                while let member = try scanner.nextMember(unique: &names) {
                    if member == "metadata", scanner.next == .object {
                        hasMetadata = true
                        try metadata(&scanner, into: &secret)
                    } else if member == "data", scanner.next == .object {
                        hasFields = true
                        try fields(&scanner, into: &secret)
                    } else {
                        try scanner.skip()
                    }
                }
                if !hasFields { secret.isGone = true }
                return hasMetadata ? secret : nil
            }
        }
    }

    /// `{data: {version, created_time, …}}`, which answers a write.
    static func written(_ body: CurlBody) throws(TokenError) -> VaultSecret {
        try read(body) { scanner throws(JSONFault) in
            try member("data", of: &scanner) { scanner throws(JSONFault) in
                var secret = VaultSecret()
                try metadata(&scanner, into: &secret)
                return secret
            }
        }
    }

    /// `{auth: {client_token, lease_duration, renewable}}`.
    static func grant(_ body: CurlBody) throws(TokenError) -> (token: Secret?, life: Int64, isRenewable: Bool) {
        try read(body) { scanner throws(JSONFault) in
            try member("auth", of: &scanner) { scanner throws(JSONFault) in
                var token: Secret?
                var life: Int64?
                var isRenewable = false
                var names = JSONNames()
                try scanner.beginObject()
                while let member = try scanner.nextMember(unique: &names) {
                    if member == "client_token", scanner.next == .string {
                        token = secret(try scanner.string())
                    } else if member == "lease_duration", scanner.next == .number {
                        life = try scanner.number().integer
                    } else if member == "renewable", scanner.next == .bool {
                        isRenewable = try scanner.bool()
                    } else {
                        try scanner.skip()
                    }
                }
                return life.map { (token, min(max(0, $0), 1 << 31), isRenewable) }
            }
        }
    }

    /// Whether `{errors: […]}` holds these words. They are looked for and never shown: a server could echo what it was sent.
    static func says(_ words: String, _ body: CurlBody) -> Bool { errors(body).contains { $0.contains(words) } }

    /// The texts of `{errors: […]}`; none in an answer that is not of this form.
    static func errors(_ body: CurlBody) -> [String] {
        let errors = try? read(body) { scanner throws(JSONFault) in
            try member("errors", of: &scanner) { scanner throws(JSONFault) in
                var texts: [String] = []
                try scanner.beginArray()
                while try scanner.nextElement() {
                    if scanner.next == .string { texts.append(try scanner.string().text) } else { try scanner.skip() }
                }
                return texts
            }
        }
        return errors ?? []
    }

    // MARK: -

    private typealias Reading<Result> = (inout JSONScanner) throws(JSONFault) -> Result?

    private static func read<Result>(_ body: CurlBody, _ read: Reading<Result>) throws(TokenError) -> Result {
        let result: Result? = body.withUnsafeBytes { bytes in
            do throws(JSONFault) {
                var scanner = try JSONScanner(bytes)
                let result = try read(&scanner)
                try scanner.finish()
                return result
            } catch {
                return nil
            }
        }
        guard let result else { throw .strangeAnswer }
        return result
    }

    /// Reads one member of an object, where it is there and not null, and skips the others.
    private static func member<Result>(
        _ name: StaticString,
        of scanner: inout JSONScanner,
        _ read: Reading<Result>
    ) throws(JSONFault) -> Result? {
        var result: Result?
        var names = JSONNames()
        try scanner.beginObject()
        while let member = try scanner.nextMember(unique: &names) {
            if member == name, scanner.next != .null { result = try read(&scanner) } else { try scanner.skip() }
        }
        return result
    }

    private static func metadata(_ scanner: inout JSONScanner, into secret: inout VaultSecret) throws(JSONFault) {
        var names = JSONNames()
        try scanner.beginObject()
        while let member = try scanner.nextMember(unique: &names) {
            if member == "version", scanner.next == .number {
                let number = try scanner.number().integer.flatMap { Int(exactly: $0) }
                secret.version = number.flatMap { VaultSecret.versions.contains($0) ? $0 : nil } ?? 0
            } else if member == "created_time", scanner.next == .string {
                secret.createdAt = Timestamp(parsing: try scanner.string().text)
            } else {
                try scanner.skip()
            }
        }
    }

    private static func fields(_ scanner: inout JSONScanner, into secret: inout VaultSecret) throws(JSONFault) {
        var names = JSONNames()
        var others: [(name: JSONString, value: Range<Int>)] = []
        try scanner.beginObject()
        while let member = try scanner.nextMember(unique: &names) {
            let field = VaultSecret.Field.allCases.first { member.equals($0.rawValue) }
            if field == .value, scanner.next == .string {
                secret.value = Self.secret(try scanner.string())
            } else if let field, field != .value, scanner.next == .string {
                secret.notes[field] = try scanner.string().text
            } else if field != nil {
                try scanner.skip()
            } else {
                others.append((member, try scanner.skip()))
            }
        }
        guard !others.isEmpty else { return }
        let count = others.reduce(0) { $0 + $1.name.range.count + $1.value.count + 4 }
        secret.others = Secret(count: count) { target in
            var end = 0
            func put(_ bytes: some Collection<UInt8>) {
                for byte in bytes {
                    target[end] = byte
                    end += 1
                }
            }
            for (name, value) in others {
                put(",\"".utf8)
                put(name.raw)
                put("\":".utf8)
                put(scanner.scanned(value))
            }
        }
    }

    private static func secret(_ string: JSONString) -> Secret {
        Secret(count: string.resolved.reduce(0) { count, _ in count + 1 }) { target in
            for (index, byte) in string.resolved.enumerated() { target[index] = byte }
        }
    }
}

extension TokenError {
    static var strangeAnswer: TokenError {
        TokenError(
            .unavailable,
            "vault: the answer is not what its API says",
            hint: "is `address` a Vault or OpenBao server, and `mount` a KV engine of version 2?"
        )
    }
}
