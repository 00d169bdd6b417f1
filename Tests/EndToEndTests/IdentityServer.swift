import Foundation
import GatehouseTestSupport
import Synchronization

/// An identity endpoint that answers as that of Access does: about the person of the assertion in the cookie. On other paths it is an upstream, which
/// says what it was injected.
final class IdentityServer: Sendable {
    enum Manner: Sendable {
        /// The members beside `email` and `sub`, as JSON.
        case about(String)
        /// Any answer at all.
        case answer(Int, String, [(name: String, value: String)] = [])
        /// No answer, ever.
        case held
    }

    private struct State {
        var manners: [String: Manner] = [:]
        var asked: [String] = []
        var strange: [String] = []
    }

    private final class Script: Sendable {
        let state = Mutex(State())

        func answer(_ request: LoopbackHTTP.Request) -> LoopbackHTTP.Answer {
            guard request.target.hasPrefix("/cdn-cgi/") else { return .init(200, request.header("x-department") ?? "") }
            guard request.method == "GET", request.target == "/cdn-cgi/access/get-identity",
                let cookie = request.header("cookie"), cookie.hasPrefix("CF_Authorization="),
                let claims = Self.claims(cookie.dropFirst("CF_Authorization=".count)), let email = claims["email"].text
            else {
                state.withLock { $0.strange.append("\(request.method) \(request.target)") }
                return .init(400, #"{"err":"no app token set"}"#)
            }
            let manner = state.withLock { state in
                state.asked.append(email)
                return state.manners[email] ?? .about(#""groups":[]"#)
            }
            switch manner {
            case .about(let members):
                return .init(200, #"{"email":"\#(email)","sub":"\#(claims["sub"].text ?? "")",\#(members)}"#)
            case .answer(let status, let body, let fields): return .init(status, body, fields)
            case .held:
                var answer = LoopbackHTTP.Answer(200, "")
                answer.ending = .held
                return answer
            }
        }

        private static func claims(_ assertion: Substring) -> JSON? {
            let parts = assertion.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 3 else { return nil }
            var text = parts[1].replacing("-", with: "+").replacing("_", with: "/")
            while text.count % 4 != 0 { text += "=" }
            return Data(base64Encoded: String(text)).flatMap { try? JSON(parsing: String(decoding: $0, as: UTF8.self)) }
        }
    }

    private let script: Script
    private let server: LoopbackHTTP

    static func start() async throws -> IdentityServer {
        let script = Script()
        return IdentityServer(script, try await LoopbackHTTP.start { script.answer($0) })
    }

    private init(_ script: Script, _ server: LoopbackHTTP) { (self.script, self.server) = (script, server) }

    var url: String { server.url + "/cdn-cgi/access/get-identity" }

    var upstream: String { server.url }

    func tell(of email: String, _ manner: Manner) { script.state.withLock { $0.manners[email] = manner } }

    /// The people who were asked about, in their order.
    var asked: [String] { script.state.withLock { $0.asked } }
    /// Requests that were no question about a person.
    var strange: [String] { script.state.withLock { $0.strange } }

    func close() async { await server.close() }
}
