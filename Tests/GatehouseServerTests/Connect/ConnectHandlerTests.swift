import Foundation
import GatehouseCore
@testable import GatehouseServer
import GatehouseTestSupport
@testable import GatehouseTokens
import Testing

@Suite struct ConnectHandlerTests {
    // MARK: - The page

    @Test func `the page lists what the person can have on this host, and nothing else`() async throws {
        let fixture = try await ConnectFixture()
        let page = await fixture.get()
        #expect(page.status == .ok)
        #expect(page.body.contains("Signed in as ada@example.com at mcp.example.com"))
        for name in ["notion", "jira"] { #expect(page.body.contains("<h2>\(name)")) }
        for name in ["hidden", "elsewhere", "shared"] { #expect(!page.body.contains("<h2>\(name)")) }
        let both = await fixture.get(as: .init(audiences: ["aud", "another-audience"]))
        #expect(both.body.contains("<h2>hidden"))
        let none = await fixture.get(as: .init(audiences: []))
        #expect(none.status == .ok)
        #expect(none.body.contains("nothing to connect"))
        let other = await fixture.get(host: "other.example.com:443")
        #expect(other.body.contains("<h2>elsewhere") && !other.body.contains("<h2>notion"))
    }

    @Test func `the page asks nobody for anything`() async throws {
        let fixture = try await ConnectFixture()
        _ = await fixture.get()
        #expect(fixture.asked.count("/.well-known/oauth-authorization-server") == 0)
    }

    @Test func `a browser may do nothing with the page but what it is for`() async throws {
        let fixture = try await ConnectFixture()
        for answer in [await fixture.get(), await fixture.get("callback")] {
            let policy = try #require(answer.field("Content-Security-Policy"))
            for part in ["default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
                #expect(policy.contains(part))
            }
            #expect(!policy.contains("unsafe"))
            #expect(answer.field("Referrer-Policy") == "same-origin")
            #expect(answer.field("X-Frame-Options") == "DENY")
            #expect(!answer.body.contains("<script"))
        }
    }

    @Test func `a program has no page`() async throws {
        let fixture = try await ConnectFixture()
        for person in [
            ConnectFixture.Person(subject: "", email: ""), .init(subject: "service:x.access"), .init(email: ""),
        ] {
            let answer = await fixture.get(as: person)
            #expect(answer.status == .forbidden)
            #expect(answer.body.contains("This page is for people"))
        }
        var twice = fixture.request("GET", "")
        twice.fields.append(("Gatehouse-Subject", "sub-eve"))
        #expect(await fixture.handler.answer(twice).status == .forbidden)
    }

    @Test(arguments: [
        ("GET", "connect", 405), ("PUT", "", 405), ("POST", "callback", 404), ("GET", "nothing", 404),
        ("DELETE", "x", 404),
        ("HEAD", "", 200), ("GET", "client.json", 404),
    ])
    func `an address answers what it is for`(method: String, place: String, status: Int) async throws {
        let fixture = try await ConnectFixture()
        #expect(await fixture.handler.answer(fixture.request(method, place)).status.code == status)
    }

    @Test func `the page is found without its last slash, and no other path is the page's`() async throws {
        let fixture = try await ConnectFixture()
        for (path, status) in [("/.gatehouse", 200), ("/.gatehousex/", 404), ("/", 404)] {
            var request = fixture.request("GET", "")
            request.path = path
            #expect(await fixture.handler.answer(request).status.code == status, "\(path)")
        }
    }

    // MARK: - OAuth

    @Test func `somebody connects, sees it, and disconnects`() async throws {
        let fixture = try await ConnectFixture()
        let form = try await fixture.form("connect", "notion")
        let departure = await fixture.post("connect", form)
        #expect(departure.status == .ok)
        let refresh = try #require(
            departure.body.firstMatch(of: #/http-equiv="refresh" content="0;url=([^"]+)"/#)?.output.1
        )
        #expect(refresh.hasPrefix("\(fixture.vendor.url)/authorize?response_type=code&amp;client_id=gatehouse&amp;"))
        #expect(refresh.contains("redirect_uri=https%3A%2F%2Fmcp.example.com%2F.gatehouse%2Fcallback"))
        let state = try #require(refresh.firstMatch(of: #/state=([A-Za-z0-9_-]+)/#)?.output.1)

        let back = await fixture.get("callback?code=a-code&state=\(state)")
        #expect(back.status == .seeOther)
        let location = try #require(back.field("Location"))
        #expect(location.hasPrefix("/.gatehouse/?notice="))
        #expect(try await fixture.kept("notion")?.access == Secret("at-secret"))
        let notion = try TokenName(parsing: "notion")
        let ada = try #require(TokenOwner(subject: "sub-ada"))
        let change = ConnectChange(kind: .connected, token: notion, owner: ada, email: "ada@example.com")
        #expect(fixture.changes.all == [change])

        let page = await fixture.get(String(location.dropFirst(ConnectFixture.path.count)))
        #expect(page.body.contains("notion is connected."))
        #expect(page.body.contains("<dd>ada@&lt;b&gt;vendor</dd>"))
        #expect(page.body.contains("it renews itself"))
        #expect(!page.body.contains("secret"))

        let gone = await fixture.post("disconnect", try await fixture.form("disconnect", "notion"))
        #expect(gone.status == .seeOther)
        #expect(fixture.asked.count("/revoke") == 2)
        #expect(try await fixture.kept("notion") == nil)
        #expect(fixture.changes.all.map(\.kind) == [.connected, .disconnected])
        let after = await fixture.get(String(try #require(gone.field("Location")).dropFirst(ConnectFixture.path.count)))
        #expect(after.body.contains("ended at the vendor"))
    }

    @Test func `connecting anew is a replacement`() async throws {
        let fixture = try await ConnectFixture()
        for _ in 0..<2 { _ = await fixture.get("callback?\(try await fixture.departed())") }
        #expect(fixture.changes.all.map(\.kind) == [.connected, .replaced])
    }

    @Test func `the vendor's way back is refused to anybody else, and a second time`() async throws {
        let fixture = try await ConnectFixture()
        let query = try await fixture.departed()
        let eve = ConnectFixture.Person(subject: "sub-eve", email: "eve@example.com")
        let other = await fixture.get("callback?\(query)", as: eve)
        #expect(other.status == .forbidden)
        #expect(other.body.contains("begun by somebody else"))
        #expect(try await fixture.kept("notion", of: eve) == nil)
        #expect(await fixture.get("callback?\(query)").status == .seeOther)
        let again = await fixture.get("callback?\(query)")
        #expect(again.status == .badRequest)
        #expect(again.body.contains("used already"))
        #expect(fixture.asked.count("/token") == 1)
    }

    @Test func `an answer for a token that the person may no longer have is refused`() async throws {
        let fixture = try await ConnectFixture()
        let query = try await fixture.departed()
        let answer = await fixture.get("callback?\(query)", as: .init(audiences: ["another-audience"]))
        #expect(answer.status == .badRequest)
        #expect(fixture.asked.count("/token") == 0)
    }

    @Test(arguments: ["", "?", "?code=1", "?state=1", "?code=1&code=2&state=1", "?code=%zz&state=1"])
    func `what is no answer of a vendor is said to be none`(query: String) async throws {
        let fixture = try await ConnectFixture()
        let answer = await fixture.get("callback" + query)
        #expect(answer.status == .badRequest)
        #expect(answer.body.contains("Back to your connections"))
    }

    @Test func `a no of the person is said as one`() async throws {
        let fixture = try await ConnectFixture()
        let state = try #require(try await fixture.departed().split(separator: "state=").last)
        let answer = await fixture.get("callback?error=access_denied&error_description=%3Cscript%3E&state=\(state)")
        #expect(answer.status == .forbidden)
        #expect(answer.body.contains("You did not give access"))
        #expect(!answer.body.contains("script"))
        #expect(fixture.changes.all.isEmpty)
    }

    // MARK: - Forms

    @Test(arguments: [
        ("https://evil.example", "same-origin" as String?), ("http://mcp.example.com", "same-origin"),
        ("null", "cross-site"), ("https://mcp.example.com", "cross-site"), ("https://mcp.example.com", "same-site"),
        ("https://mcp.example.com", "none"),
    ])
    func `a form of another site does nothing`(origin: String, site: String?) async throws {
        let fixture = try await ConnectFixture()
        let form = try await fixture.form("connect", "notion")
        let answer = await fixture.post("connect", form, origin: origin, fetchSite: site)
        #expect(answer.status == .forbidden)
        #expect(await fixture.post("connect", form, origin: nil).status == .forbidden)
        // It is not used up by that, and a browser without Fetch Metadata is served.
        #expect(await fixture.post("connect", form, fetchSite: nil).status == .ok)
    }

    @Test func `a form is good once, for one hour, one person, one token and one action`() async throws {
        let fixture = try await ConnectFixture()
        let form = try await fixture.form("connect", "notion")
        #expect(await fixture.post("disconnect", form).status == .conflict)
        #expect(await fixture.post("connect", form, as: .init(subject: "sub-eve")).status == .conflict)
        #expect(await fixture.post("paste", form.replacing("notion", with: "jira") + "&value=x").status == .conflict)
        #expect(await fixture.post("connect", form.replacing("key=", with: "key=A")).status == .conflict)
        #expect(await fixture.post("connect", form.replacing("notion", with: "hidden")).status == .forbidden)
        #expect(await fixture.post("connect", form).status == .ok)
        #expect(await fixture.post("connect", form).status == .conflict)
        let late = try await fixture.form("connect", "notion")
        fixture.clock.advance(by: .seconds(3600))
        #expect(await fixture.post("connect", late).status == .conflict)
        #expect(fixture.changes.all.isEmpty)
    }

    @Test(arguments: ["", "token=notion", "token=notion&token=jira&key=1", "key=1"])
    func `a broken form does nothing`(body: String) async throws {
        let fixture = try await ConnectFixture()
        #expect(await fixture.post("connect", body).status == .forbidden)
    }

    @Test func `a notice is said to whom it is for, for a minute, and by no link of others`() async throws {
        let fixture = try await ConnectFixture()
        let back = await fixture.get("callback?\(try await fixture.departed())")
        let target = String(try #require(back.field("Location")).dropFirst(ConnectFixture.path.count))
        #expect(await fixture.get(target).body.contains("role=\"status\""))
        #expect(!(await fixture.get(target, as: .init(subject: "sub-eve")).body.contains("role=\"status\"")))
        #expect(!(await fixture.get("?notice=connected").body.contains("role=\"status\"")))
        fixture.clock.advance(by: .seconds(60))
        #expect(!(await fixture.get(target).body.contains("role=\"status\"")))
    }

    // MARK: - Pasted

    @Test func `a pasted token is proven before it is kept`() async throws {
        let fixture = try await ConnectFixture()
        let page = await fixture.get()
        #expect(page.body.contains("Profile &gt; &quot;Security&quot; &gt; API tokens"))
        #expect(page.body.contains("href=\"https://id.example.com/security?a=1&amp;b=2\""))
        #expect(page.body.contains("a shared one is used for you"))
        let wrong = await fixture.post("paste", try await fixture.form("paste", "jira") + "&value=wrong-secret")
        #expect(wrong.status == .unprocessableContent)
        #expect(!wrong.body.contains("wrong-secret"))
        #expect(try await fixture.kept("jira") == nil)
        let good = await fixture.post("paste", try await fixture.form("paste", "jira") + "&value=good-secret")
        #expect(good.status == .seeOther)
        #expect(try await fixture.kept("jira")?.access == Secret("good-secret"))
        let after = await fixture.get()
        #expect(after.body.contains("<summary>Replace</summary>"))
        #expect(!after.body.contains("good-secret"))
        #expect(fixture.asked.count("/probe") == 2)
    }

    @Test(arguments: ["", "&value=", "&value=%0a", "&value=%20x", "&value=%C3%A9"])
    func `a text that no header can carry is no token`(value: String) async throws {
        let fixture = try await ConnectFixture()
        let answer = await fixture.post("paste", try await fixture.form("paste", "jira") + value)
        #expect(answer.status == .unprocessableContent)
        #expect(fixture.asked.count("/probe") == 0)
    }

    @Test func `a token that cannot be proven now is not kept`() async throws {
        let fixture = try await ConnectFixture()
        let form = try await fixture.form("paste", "jira")
        await fixture.vendor.close()
        let answer = await fixture.post("paste", form + "&value=good-secret")
        #expect(answer.status == .badGateway)
        #expect(try await fixture.kept("jira") == nil)
    }

    @Test func `a token is connected in its own way alone`() async throws {
        let fixture = try await ConnectFixture()
        let visit = try #require(TokenOwner(subject: "sub-ada"))
        let keys = PurposeKeys(current: Secret(Array(repeating: 9, count: 32)))
        let forms = ConnectForms(seal: ConnectSeal(keys), used: UsedOnce())
        for (action, token) in [(ConnectForms.Action.connect, "jira"), (.paste, "notion")] {
            let key = forms.key(action, try TokenName(parsing: token), visit, at: fixture.clock.now())
            let answer = await fixture.post(action.rawValue, "token=\(token)&key=\(key)&value=x")
            #expect(answer.status == .badGateway)
        }
    }

    @Test func `a vendor that is away is said, with the way back`() async throws {
        let fixture = try await ConnectFixture()
        let form = try await fixture.form("connect", "notion")
        await fixture.vendor.close()
        let answer = await fixture.post("connect", form)
        #expect(answer.status == .badGateway)
        #expect(answer.body.contains("The vendor does not answer"))
        #expect(answer.body.contains("href=\"/.gatehouse/\""))
    }

    @Test(arguments: ConnectFailure.Code.allCases)
    func `a page says the cause to who can remove it`(code: ConnectFailure.Code) {
        let failure = ConnectFailure(code, "the file /etc/<secret>", hint: "read it")
        let page = ConnectMessage(failure).answer(.badGateway, page: "/.gatehouse/").body
        #expect(page.contains("The file /etc/&lt;secret&gt;.") == !failure.isForOperators)
        #expect(page.contains(failure.isForOperators ? "Tell your operator: \(code.rawValue)." : "Read it."))
        #expect(page.contains("Back to your connections"))
    }

    @Test func `what cannot be opened is said to be so`() throws {
        let owner = try #require(TokenOwner(subject: "sub-ada"))
        let key = GrantKey(try TokenName(parsing: "notion"), owner: owner)
        var load = GrantLoad()
        load.problems[key] = TokenError(.tampered, "its row was changed")
        #expect(ConnectPage.State(load, key, at: Timestamp(seconds: 0)) == .unreadable)
    }
}
