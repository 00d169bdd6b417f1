// Repeats one small piece of the hot path as often as asked: GatehouseMicroBenchmark CASE COUNT. Without arguments, the cases.
// ../instructions.sh counts what one repetition costs.

import Glibc

let cases = codecCases + guardCases + gateCases + identityCases + auditCases + configurationCases

guard CommandLine.arguments.count == 3, let count = Int(CommandLine.arguments[2]),
    let chosen = cases.first(where: { $0.name == CommandLine.arguments[1] })
else {
    for known in cases { print(known.name) }
    exit(CommandLine.arguments.count == 1 ? 0 : 64)
}
try chosen.repeated(count)
