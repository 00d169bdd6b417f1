internal import CurlClient
internal import GatehouseCore

/// One secret as the server gives it.
struct InfisicalSecret {
    struct Metadata {
        var key: String
        var value: String
        var isEncrypted = false
    }

    /// JSON numbers are exact up to 2^53, and no secret is written so often.
    static let versions = 1...1 << 53
    /// Entries of metadata that are read; a secret with more is refused.
    static let maximumMetadata = 100

    var key = ""
    var value: Secret?
    /// The server answers 200 and `<hidden-by-infisical>` to an identity that may list and not read.
    var isHidden = false
    /// 0 when the server says one that is none.
    var version = 1
    // The secret's place as the server states it; nil when it does not.
    var project: String?
    var environment: String?
    var path: String?
    var comment = ""
    var updatedAt: Timestamp?
    var metadata: [Metadata] = []

    func metadata(_ key: String) -> String? { metadata.first { $0.key == key }?.value }

    /// Whether it is what was asked for: in that place, with a version, and under one name.
    func isSound(in place: InfisicalPlace) -> Bool {
        func bare(_ path: String) -> Substring { path.count > 1 && path.hasSuffix("/") ? path.dropLast() : path[...] }
        return version > 0 && metadata.count <= Self.maximumMetadata && (project ?? place.project) == place.project
            && (environment ?? place.environment) == place.environment
            && bare(path ?? place.path) == bare(place.path)
    }
}

/// Reads the server's answers, never trusting that they are what its API says.
enum InfisicalAnswer {
    /// `{secrets: […]}`.
    static func secrets(_ body: CurlBody) throws(TokenError) -> [InfisicalSecret] {
        try read(body) { scanner throws(JSONFault) in
            var secrets: [InfisicalSecret]?
            try scanner.beginObject()
            var names = JSONNames()
            while let member = try scanner.nextMember(unique: &names) {
                guard member == "secrets" else {
                    try scanner.skip()
                    continue
                }
                var list: [InfisicalSecret] = []
                try scanner.beginArray()
                while try scanner.nextElement() { list.append(try secret(&scanner)) }
                secrets = list
            }
            return secrets
        }
    }

    /// `{secret: …}`; nil for `{approval: …}`, which has written nothing.
    static func secret(_ body: CurlBody) throws(TokenError) -> InfisicalSecret? {
        let answer: InfisicalSecret?? = try read(body) { scanner throws(JSONFault) in
            var answer: InfisicalSecret??
            var names = JSONNames()
            try scanner.beginObject()
            while let member = try scanner.nextMember(unique: &names) {
                if member == "secret" {
                    answer = .some(try secret(&scanner))
                } else {
                    if member == "approval" { answer = answer ?? .some(nil) }
                    try scanner.skip()
                }
            }
            return answer
        }
        return answer ?? nil
    }

    /// Reads the answer to signing in or renewing.
    static func grant(_ body: CurlBody) throws(TokenError) -> (accessToken: Secret?, expiresIn: Int64) {
        try read(body) { scanner throws(JSONFault) in
            var token: Secret?
            var life: Int64?
            var names = JSONNames()
            try scanner.beginObject()
            while let member = try scanner.nextMember(unique: &names) {
                if member == "accessToken", scanner.next == .string {
                    token = Secret(Array(try scanner.string().resolved))
                } else if member == "expiresIn", scanner.next == .number {
                    life = try scanner.number().integer
                } else {
                    try scanner.skip()
                }
            }
            return life.map { (token, min(max(0, $0), 1 << 31)) }
        }
    }

    /// The longest pause that a server may ask for: what a wrong one says must not stop the store for years.
    static let longestDelay: Duration = .seconds(86_400)

    /// The pause that a 429 asks for, at most ``longestDelay``: it stands in the text of `message`, as in "… try again in 30 seconds" or "in 1 minute".
    static func delay(_ body: CurlBody) -> Duration? {
        let message: String?
        do throws(TokenError) {
            message = try read(body) { scanner throws(JSONFault) in
                var message: String?
                try scanner.beginObject()
                while let member = try scanner.nextMember() {
                    if member == "message", scanner.next == .string {
                        message = try scanner.string().text
                    } else {
                        try scanner.skip()
                    }
                }
                return message
            }
        } catch {
            return nil
        }
        guard let message, let digits = message.firstIndex(where: { $0.isASCII && $0.isNumber }) else { return nil }
        let number = message[digits...].prefix { $0.isASCII && $0.isNumber }
        guard let count = Int64(number), count <= 86_400 else { return nil }
        let unit = message[number.endIndex...].drop { $0 == " " }
        let delay: Duration =
            if unit.hasPrefix("ms") || unit.hasPrefix("milli") {
                .milliseconds(count)
            } else if unit.hasPrefix("m") {
                .seconds(60 * count)
            } else if unit.hasPrefix("h") {
                .seconds(3600 * count)
            } else {
                .seconds(count)
            }
        return min(delay, longestDelay)
    }

    // MARK: -

    private static func read<Result>(
        _ body: CurlBody,
        _ read: (inout JSONScanner) throws(JSONFault) -> Result?
    ) throws(TokenError) -> Result {
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
        guard let result else { throw .malformedAnswer }
        return result
    }

    private static func secret(_ scanner: inout JSONScanner) throws(JSONFault) -> InfisicalSecret {
        var secret = InfisicalSecret()
        var names = JSONNames()
        try scanner.beginObject()
        while let member = try scanner.nextMember(unique: &names) {
            if member == "secretKey", scanner.next == .string {
                secret.key = try scanner.string().text
            } else if member == "secretValue", scanner.next == .string {
                let value = try scanner.string()
                secret.value = Secret(count: value.resolved.reduce(0) { count, _ in count + 1 }) { target in
                    for (index, byte) in value.resolved.enumerated() { target[index] = byte }
                }
            } else if member == "secretValueHidden", scanner.next == .bool {
                secret.isHidden = try scanner.bool()
            } else if member == "version", scanner.next == .number {
                let number = try scanner.number().integer.flatMap { Int(exactly: $0) }
                secret.version = number.flatMap { InfisicalSecret.versions.contains($0) ? $0 : nil } ?? 0
            } else if member == "workspace", scanner.next == .string {
                secret.project = try scanner.string().text
            } else if member == "environment", scanner.next == .string {
                secret.environment = try scanner.string().text
            } else if member == "secretPath", scanner.next == .string {
                secret.path = try scanner.string().text
            } else if member == "secretComment", scanner.next == .string {
                secret.comment = try scanner.string().text
            } else if member == "updatedAt", scanner.next == .string {
                secret.updatedAt = Timestamp(parsing: try scanner.string().text)
            } else if member == "secretMetadata", scanner.next == .array {
                try scanner.beginArray()
                while try scanner.nextElement() {
                    let entry = try metadata(&scanner)
                    // One more than may be: then it is refused, and not held.
                    if secret.metadata.count <= InfisicalSecret.maximumMetadata { secret.metadata.append(entry) }
                }
            } else {
                try scanner.skip()
            }
        }
        return secret
    }

    private static func metadata(_ scanner: inout JSONScanner) throws(JSONFault) -> InfisicalSecret.Metadata {
        var entry = InfisicalSecret.Metadata(key: "", value: "")
        var names = JSONNames()
        try scanner.beginObject()
        while let member = try scanner.nextMember(unique: &names) {
            if member == "key", scanner.next == .string {
                entry.key = try scanner.string().text
            } else if member == "value", scanner.next == .string {
                entry.value = try scanner.string().text
            } else if member == "isEncrypted", scanner.next == .bool {
                entry.isEncrypted = try scanner.bool()
            } else {
                try scanner.skip()
            }
        }
        return entry
    }
}
