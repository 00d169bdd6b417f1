// Measures the audit alone: what recording costs a request, how fast the spool empties into each sink, how fast a chain is verified,
// and how many bytes an event takes. `run.sh` beside this builds and runs it with a PostgreSQL.

import Foundation
import GatehouseAudit
import GatehouseCore

let place = NSTemporaryDirectory() + "gatehouse-audit-benchmark-\(getpid())"
try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
defer { try? FileManager.default.removeItem(atPath: place) }
let words = CommandLine.arguments.dropFirst()
let count = words.last.flatMap { Int($0) } ?? 1_000_000

if words.first == "count" {
    try Counting(place, events: count).run()
} else if words.first == "drain" {
    try Draining(place, events: count).cost()
} else if words.first == "prune" {
    try Draining(place, events: count).prune()
} else {
    try Recording(place).run()
    try Draining(place, events: count).run()
}
