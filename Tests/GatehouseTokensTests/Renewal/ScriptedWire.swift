import Synchronization

@testable import CurlClient
@testable import GatehouseTokens

/// Answers requests as told, and keeps what they would have sent.
final class ScriptedWire: Sendable {
    struct Answer: Sendable {
        var status = 200
        var body = ""
        var headers: [(name: String, value: String)] = []
        var error: CurlError?

        init(_ status: Int, _ body: String, _ headers: [(name: String, value: String)] = []) {
            (self.status, self.body, self.headers) = (status, body, headers)
        }

        init(_ error: CurlError) { self.error = error }
    }

    private let seen = Mutex<[String]>([])
    private let answers: Mutex<[String: Answer]>
    private let other: Answer

    /// - Parameter answers: by URL; a 404 for every other one.
    init(_ answers: [String: Answer]) {
        self.answers = Mutex(answers)
        other = Answer(404, "")
    }

    /// Gives every request the same answer.
    init(status: Int = 200, _ body: String, headers: [(name: String, value: String)] = []) {
        answers = Mutex([:])
        other = Answer(status, body, headers)
    }

    var requests: [String] { seen.withLock { $0 } }
    /// The first line of each request.
    var lines: [String] { requests.map { String($0.prefix { $0 != "\n" }) } }

    func answer(_ url: String, _ answer: Answer) { answers.withLock { $0[url] = answer } }

    var send: IssuerRequest.Send {
        { [self] request throws(CurlError) in
            var text = "\(request.method) \(request.url)\n"
            for header in request.headers {
                text += "\(header.name): \(header.prefix)"
                header.concealed? { text += String(decoding: $0, as: UTF8.self) }
                text += "\n"
            }
            text += request.body?.text ?? ""
            seen.withLock { [text] in $0.append(text) }
            let answer = answers.withLock { $0[request.url] } ?? other
            if let error = answer.error { throw error }
            return CurlResponse(status: answer.status, headers: answer.headers, body: CurlBody(answer.body))
        }
    }
}
