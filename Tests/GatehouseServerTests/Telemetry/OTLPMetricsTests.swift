import Foundation
import GatehouseCore
import Testing

@testable import GatehouseProxy
@testable import GatehouseServer

@Suite struct OTLPMetricsTests {
    @Test func `the families of the metrics page are written with their kinds, labels and units`() throws {
        var text = MetricsText()
        text.family("gatehouse_x_total", .counter, "Xs.")
        text.sample("gatehouse_x_total", [("route", "coda")], 5)
        text.family("gatehouse_lag_seconds", .gauge, "How far.")
        text.sample("gatehouse_lag_seconds", [], 0.25)
        text.family("gatehouse_none", .gauge, "Nothing.")
        var traffic = LoopMetrics.Snapshot()
        var histogram = LatencyHistogram()
        for time in [10, 60, 90_000_000] as [Int64] { histogram.record(time) }
        traffic.added = [try RouteName(parsing: "coda"): histogram]
        text.addTraffic(traffic, openConnections: 0, openExchanges: 0)
        let metrics = OTLPMetrics(text: TelemetryFixture.text, since: TelemetryFixture.at)
        let message = try tree(metrics.message(text.families, at: TelemetryFixture.at + .seconds(1)))
        let resource = try #require((message["resourceMetrics"] as? [[String: Any]])?.first)
        let scope = try #require((resource["scopeMetrics"] as? [[String: Any]])?.first)
        let list = try #require(scope["metrics"] as? [[String: Any]])
        let named = Dictionary(list.map { ($0["name"] as? String ?? "", $0) }) { one, _ in one }
        #expect(named["gatehouse_none"] == nil)
        func point(_ name: String, _ kind: String) throws -> [String: Any] {
            let data = try #require(named[name]?[kind] as? [String: Any])
            return try #require((data["dataPoints"] as? [[String: Any]])?.first)
        }
        let counter = try point("gatehouse_x_total", "sum")
        #expect(counter["asInt"] as? String == "5" && counter["startTimeUnixNano"] as? String == "1795424400000000000")
        let sum = try #require(named["gatehouse_x_total"]?["sum"] as? [String: Any])
        #expect(sum["aggregationTemporality"] as? Int == 2 && sum["isMonotonic"] as? Bool == true)
        let gauge = try point("gatehouse_lag_seconds", "gauge")
        #expect(gauge["asDouble"] as? Double == 0.25 && named["gatehouse_lag_seconds"]?["unit"] as? String == "s")
        let times = try point("gatehouse_added_seconds", "histogram")
        let counts = try #require(times["bucketCounts"] as? [String])
        #expect(times["count"] as? String == "3" && counts.count == LatencyHistogram.bounds.count + 1)
        #expect(counts.prefix(2) == ["1", "1"])
        #expect(counts.last == "1" && counts.compactMap(Int.init).reduce(0, +) == 3)
        #expect((times["explicitBounds"] as? [Double])?.first == 0.00005)
    }
}
