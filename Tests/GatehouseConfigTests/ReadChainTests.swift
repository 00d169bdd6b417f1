import Foundation
import GatehouseConfig
import GatehouseCore
import GatehouseTestSupport
import Testing

/// Chains of files, each made of the one before by moves, copies and changes of whole routes: what is read after another file is what is read alone.
@Suite struct ReadChainTests {
    static let rounds = 80

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `a chain of files is read as each of them alone`(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        var file = try FileOfRoutes()
        var former: Configuration?
        var (accepted, taken) = (0, 0)
        for round in 0..<Self.rounds {
            let next = file.changed(&random)
            let text = next.text
            let alone = Self.read(text, nil)
            let again = Self.read(text, former)
            let isSame = Self.words(alone) == Self.words(again)
            #expect(isSame, "seed \(seed), round \(round)")
            guard isSame else {
                let (one, other) = (Self.words(alone), Self.words(again))
                for (one, other) in zip(one, other) where one != other {
                    Issue.record(
                        "\(String(decoding: one, as: UTF8.self))\nand\n\(String(decoding: other, as: UTF8.self))"
                    )
                }
                Issue.record(
                    "\(String(decoding: former?.text ?? [], as: UTF8.self))\nand then\n\(String(decoding: text, as: UTF8.self))"
                )
                return
            }
            guard case .success(let one) = alone, case .success(let other) = again else { continue }
            accepted += 1
            for (one, other) in zip(one.routes.routes, other.routes.routes) {
                let isTaken = former?.routes.routes.contains { $0 === other } ?? false
                taken += isTaken ? 1 : 0
                guard isTaken, round % 4 == 0 else { continue }
                #expect(Self.everything(of: one) == Self.everything(of: other))
            }
            file = next
            former = Bool.random(using: &random) ? other : one
        }
        #expect(accepted > Self.rounds / 4 && taken > accepted, "\(accepted) files, \(taken) routes")
    }

    private static func read(_ text: [UInt8], _ former: Configuration?) -> Result<Configuration, ConfigurationError> {
        Result { () throws(ConfigurationError) in
            try Configuration(parsing: text, file: "f", environment: GoldenTests.environment, after: former)
        }
    }

    /// All that is said of a file, byte by byte: equal strings may differ in theirs.
    private static func words(_ reading: Result<Configuration, ConfigurationError>) -> [[UInt8]] {
        switch reading {
        case .success(let file):
            ["good"].map { Array($0.utf8) } + file.warnings.map { Array("\($0)".utf8) }
                + file.parts.flatMap { [Array($0.name.utf8), Array($0.text.utf8)] }
        case .failure(let error):
            ["bad"].map { Array($0.utf8) } + error.diagnostics.map { Array("\($0)".utf8) }
        }
    }

    /// The value with all that it holds, in which the order of a set does not count.
    private static func everything(of value: Any) -> String {
        let mirror = Mirror(reflecting: value)
        if mirror.children.isEmpty { return String(reflecting: value) }
        var parts = mirror.children.map { "\($0.label ?? ""): \(everything(of: $0.value))" }
        if mirror.displayStyle == .set || mirror.displayStyle == .dictionary { parts.sort() }
        return "\(mirror.subjectType)(\(parts.joined(separator: ", ")))"
    }
}
