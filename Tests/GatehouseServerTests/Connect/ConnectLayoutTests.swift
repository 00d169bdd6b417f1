import Foundation
import GatehouseCore
@testable import GatehouseServer
import GatehouseTestSupport
@testable import GatehouseTokens
import Testing

/// The pages of connecting as Chromium lays them out, on a phone and on a desk, light and dark.
///
/// `GATEHOUSE_TEST_PICTURES=FOLDER` keeps a picture of each.
@Suite(
    "The layout of the pages of connecting",
    .enabled(if: Chromium.path != nil, "no chromium: apt-get install chromium"),
    .timeLimit(.minutes(5))
)
struct ConnectLayoutTests {
    static let widths = [390, 1280]

    private struct Measure: Decodable {
        let scene: String
        let width: Int
        let isDark: Bool
        let height: Int
        let overflow: Int
        let cut: [String]
        let faint: [String]
        let covered: [String]
        /// Things to press that are too small for a finger.
        let small: [String]
        let presses: Int
    }

    @Test(arguments: Chromium.Scheme.allCases)
    func `cuts, covers and hides nothing, and every button is large enough`(scheme: Chromium.Scheme) async throws {
        let scenes = try Self.scenes()
        let measures: [Measure] = try await Self.layout.measures(of: scenes, at: Self.widths, scheme)
        for measure in measures {
            let place = "\(measure.scene) at \(measure.width), \(scheme)"
            #expect(measure.isDark == (scheme == .dark), "\(place)")
            #expect(measure.overflow <= 0, "\(place)")
            #expect(measure.cut.isEmpty, "\(place): \(measure.cut)")
            #expect(measure.faint.isEmpty, "\(place): \(measure.faint)")
            #expect(measure.covered.isEmpty, "\(place): \(measure.covered)")
            #expect(measure.small.isEmpty, "\(place): \(measure.small)")
            #expect(measure.presses > 0 || measure.scene == "nothing", "\(place)")
        }
        for measure in measures {
            let scene = try #require(scenes.first { $0.name == measure.scene })
            try await Self.layout.keepPicture(
                of: scene,
                named: "connect-",
                width: measure.width,
                height: measure.height,
                scheme
            )
        }
    }

    private static let layout = PageLayout(
        script: #"""
            function measure(frame) {
              const page = frame.contentDocument
              const result = Object.assign(measureText(frame), { small: [], presses: 0 })
              for (const press of page.querySelectorAll('button, summary, .button, input:not([type=hidden])')) {
                const box = press.getBoundingClientRect()
                if (!press.checkVisibility({ contentVisibilityAuto: true })) continue
                result.presses += 1
                // WCAG 2.2, 2.5.5 asks for 44 px, 2.5.8 for 24.
                if (box.height < 40 || box.width < 44) result.small.push(name(press) + ' ' + box.width + ' x ' + box.height)
              }
              return result
            }
            """#
    )

    // MARK: - Scenes

    private static func scenes() throws -> [PageLayout.Scene] {
        let page = try self.page(entries: entries(), notice: ConnectNotice(.connected, TokenName(parsing: "notion")))
            .html
        let failure = ConnectFailure(
            .rejected,
            "the token endpoint of the-authorization-server-with-a-long-name.example.com answers 400 invalid_grant",
            hint: "connect again: a code is good once, and for a short time"
        )
        let departure = ConnectDeparture(
            url: "https://idp.example/authorize?state=" + String(repeating: "a", count: 600)
        )
        return [
            PageLayout.Scene(name: "page", html: page),
            PageLayout.Scene(name: "open", html: page.replacing("<details>", with: "<details open>")),
            PageLayout.Scene(
                name: "warning",
                html: try self.page(
                    entries: [entry("linear", .missing)],
                    notice: ConnectNotice(.notRevoked, TokenName(parsing: "linear"))
                ).html
            ),
            PageLayout.Scene(name: "nothing", html: try self.page(entries: [], notice: nil).html),
            PageLayout.Scene(
                name: "message",
                html: ConnectMessage(failure).answer(.badGateway, page: "/.gatehouse/").body
            ),
            PageLayout.Scene(
                name: "departure",
                html: departure.answer.body.replacing(#/<meta http-equiv="refresh"[^>]*>/#, with: "")
            ),
        ]
    }

    private static func page(entries: [ConnectPage.Entry], notice: ConnectNotice?) throws -> ConnectPage {
        ConnectPage(
            email: "ada.lovelace@analytical-engines.example.com",
            host: "mcp.analytical-engines.example.com",
            path: ConnectSite.defaultPath,
            entries: entries,
            notice: notice,
            now: Timestamp(seconds: 1_795_424_400)
        )
    }

    private static func entry(
        _ name: String,
        _ state: ConnectPage.State,
        paste: Bool = false,
        hasFallback: Bool = false
    ) throws -> ConnectPage.Entry {
        let client = OAuthClient(id: "c", secret: nil, authentication: .none)
        let resource = try WebURL(parsing: "https://mcp.\(name).com/mcp")
        let way: ConnectableToken.Way =
            paste
            ? .paste(
                help: "Profile, Security, API tokens: make one with the scope read:jira-work",
                url: try WebURL(parsing: "https://id.\(name).com/manage-profile/security/api-tokens")
            ) : .oauth(OAuthConnection(server: .discovered(from: resource), client: .registered(client)))
        return ConnectPage.Entry(
            token: ConnectableToken(try TokenName(parsing: name), by: way, hasFallback: hasFallback),
            state: state
        ) { _ in String(repeating: "k", count: 180) }
    }

    private static func entries() throws -> [ConnectPage.Entry] {
        let since = Timestamp(seconds: 1_790_000_000)
        return [
            try entry(
                "notion",
                .connected(account: "ada@analytical-engines.example.com", since: since, until: nil, renews: true)
            ),
            try entry("linear", .missing, hasFallback: true),
            try entry("atlassian", .needsConnecting),
            try entry("jira", .missing, paste: true),
            try entry(
                "the-knowledge-base-of-customer-success-in-the-north",
                .connected(account: "", since: since, until: since + .seconds(86_400 * 90), renews: false),
                paste: true
            ),
            try entry("sentry", .unreadable),
        ]
    }
}
