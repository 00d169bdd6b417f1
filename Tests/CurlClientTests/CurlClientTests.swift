import CurlClient
import Glibc
import Testing

/// A request that a busy machine does not run into its own timeout: what is tested is another failure than slowness.
private func patient(
    _ url: String,
    method: String = "GET",
    headers: [CurlHeader] = [],
    body: CurlBody? = nil
) -> CurlRequest {
    var request = CurlRequest(url, method: method, headers: headers, body: body)
    request.timeout = .seconds(50)
    request.connectTimeout = .seconds(50)
    return request
}

@Suite("One request over libcurl", .timeLimit(.minutes(1)))
struct CurlClientTests {
    let client = CurlClient()

    private func failure(_ request: CurlRequest) async -> CurlError? {
        do throws(CurlError) {
            _ = try await client.perform(request)
            return nil
        } catch {
            return error
        }
    }

    @Test func `an answer comes with its status, fields and body`() async throws {
        let server = try ScriptedServer(
            .answer("HTTP/1.1 203 Odd\r\nX-One:  a \r\nx-one: b\r\nContent-Length: 5\r\n\r\nhello")
        )
        let response = try await client.perform(patient("http://127.0.0.1:\(server.port)/keys?x=1"))
        #expect(response.status == 203)
        #expect(response.header("X-ONE") == "a")
        #expect(response.headers.map(\.value) == ["a", "b", "5"])
        #expect(response.body.text == "hello")
        #expect(server.requests.first?.hasPrefix("GET /keys?x=1 HTTP/1.1\r\n") == true)
    }

    @Test func `method, fields and body go out as given, concealed values too`() async throws {
        let server = try ScriptedServer(.answer("HTTP/1.1 204 Fine\r\n\r\n"))
        let secret = Array("s3cret".utf8)
        let request = patient(
            "http://127.0.0.1:\(server.port)/",
            method: "PUT",
            headers: [
                CurlHeader("X-Plain", "plain"), CurlHeader("X-Empty", ""),
                CurlHeader("Authorization", prefix: "Bearer ") { body in secret.withUnsafeBytes { body($0) } },
            ],
            body: CurlBody(#"{"a":1}"#)
        )
        #expect(try await client.perform(request).status == 204)
        let sent = try #require(server.requests.first)
        #expect(sent.hasPrefix("PUT / HTTP/1.1\r\n"))
        #expect(sent.contains("\r\nX-Plain: plain\r\n"))
        #expect(sent.contains("\r\nX-Empty:\r\n"))
        #expect(sent.contains("\r\nAuthorization: Bearer s3cret\r\n"))
        #expect(!sent.contains("Expect:"))
        #expect(sent.hasSuffix(#"{"a":1}"#))
        #expect(!"\(request) \(request.headers) \(String(reflecting: request))".contains("s3cret"))
    }

    @Test func `an empty POST says that it is empty`() async throws {
        let server = try ScriptedServer(.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
        _ = try await client.perform(patient("http://127.0.0.1:\(server.port)/", method: "POST"))
        #expect(server.requests.first?.contains("Content-Length: 0\r\n") == true)
    }

    @Test func `the path goes out as it was written`() async throws {
        let server = try ScriptedServer(.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
        _ = try await client.perform(patient("http://127.0.0.1:\(server.port)/a/../%2e%2e/b//c"))
        #expect(server.requests.first?.hasPrefix("GET /a/../%2e%2e/b//c HTTP/1.1\r\n") == true)
    }

    /// libcurl itself opens the file, and would wait for who writes to a pipe.
    @Test func `a pipe in place of authorities is refused`() async throws {
        let path = "/tmp/gatehouse-\(UInt32.random(in: 0...UInt32.max)).pem"
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        var request = CurlRequest("https://127.0.0.1:1/")
        request.authoritiesFile = path
        let asked = request
        await #expect { try await client.perform(asked) } throws: { ($0 as? CurlError)?.code == .invalidRequest }
    }

    @Test func `a redirect is an answer and is not followed`() async throws {
        let server = try ScriptedServer(
            .answer("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"),
            .answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        )
        let response = try await client.perform(patient("http://127.0.0.1:\(server.port)/"))
        #expect(response.status == 302)
        #expect(server.requests.count == 1)
    }

    @Test func `an address that is not admitted is sent nothing`() async throws {
        let server = try ScriptedServer(.silence, .answer("HTTP/1.1 204 Fine\r\n\r\n"))
        var request = patient("http://localhost:\(server.port)/?secret")
        request.admitsAddress = { $0 == "192.0.2.1" }
        let error = await failure(request)
        #expect(error?.code == .refusedAddress)
        #expect(server.requests.allSatisfy { $0.isEmpty })
        request.admitsAddress = { ["127.0.0.1", "::1"].contains($0) }
        #expect(try await client.perform(request).status == 204)
    }

    @Test func `the fields of an interim answer are not the answer's`() async throws {
        let server = try ScriptedServer(
            .answer("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        )
        let response = try await client.perform(patient("http://127.0.0.1:\(server.port)/"))
        #expect(response.status == 200)
        #expect(response.header("x-early") == nil)
    }

    @Test(arguments: [true, false])
    func `a body at the bound is read and one byte more is refused`(saysLength: Bool) async throws {
        let fields = saysLength ? "Content-Length: 4097\r\n\r\n" : "Connection: close\r\n\r\n"
        let answer = "HTTP/1.1 200 OK\r\n\(fields)\(String(repeating: "a", count: 4097))"
        let server = try ScriptedServer(.answer(answer), .answer(answer))
        var request = patient("http://127.0.0.1:\(server.port)/")
        request.maximumBody = 4097
        #expect(try await client.perform(request).body.count == 4097)
        request.maximumBody = 4096
        #expect(await failure(request)?.code == .tooLarge)
    }

    @Test func `endless header fields are refused`() async throws {
        let field = "X-Field: \(String(repeating: "v", count: 1000))\r\n"
        let server = try ScriptedServer(.answer("HTTP/1.1 200 OK\r\n\(String(repeating: field, count: 80))\r\n"))
        #expect(await failure(patient("http://127.0.0.1:\(server.port)/"))?.code == .tooLarge)
    }

    @Test func `a unix socket is reached by its path`() async throws {
        let path = "/tmp/gatehouse-curl-\(getpid()).sock"
        unlink(path)
        defer { unlink(path) }
        let server = try ScriptedServer(unixSocket: path, .answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
        var request = patient("http://localhost/healthz")
        request.unixSocket = path
        #expect(try await client.perform(request).body.text == "ok")
        #expect(server.requests.first?.contains("Host: localhost\r\n") == true)
    }
}

@Suite("What goes wrong over libcurl", .timeLimit(.minutes(1)))
struct CurlFailureTests {
    private func failure(_ request: CurlRequest) async -> CurlError? {
        do throws(CurlError) {
            _ = try await CurlClient().perform(request)
            return nil
        } catch {
            return error
        }
    }

    @Test func `nobody listening is unreachable, and the message keeps the query to itself`() async throws {
        let error = try #require(await failure(patient("http://127.0.0.1:1/p4th?token=s3cret")))
        #expect(error.code == .unreachable)
        #expect(error.source == .upstream)
        #expect(!error.message.contains("s3cret") && !error.message.contains("p4th"))
    }

    @Test func `silence ends with the timeout`() async throws {
        let server = try ScriptedServer(.silence)
        var request = patient("http://127.0.0.1:\(server.port)/")
        request.timeout = .milliseconds(50)
        #expect(await failure(request)?.code == .timeout)
    }

    @Test func `TLS to a server that speaks none is a TLS error`() async throws {
        let server = try ScriptedServer(.interrupt("HTTP/1.1 400 Bad\r\n\r\n"))
        #expect(await failure(patient("https://127.0.0.1:\(server.port)/"))?.code == .tls)
    }

    @Test func `a connection that closes early is interrupted`() async throws {
        let server = try ScriptedServer(.answer(""), .answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"))
        let request = patient("http://127.0.0.1:\(server.port)/")
        for _ in 0..<2 {
            let code = await failure(request)?.code
            #expect(code == .interrupted)
        }
    }

    @Test func `what is not HTTP is malformed`() async throws {
        let server = try ScriptedServer(.answer("220 mail.example.com ESMTP\r\n\r\n"))
        #expect(await failure(patient("http://127.0.0.1:\(server.port)/"))?.code == .malformedResponse)
    }

    @Test func `cancelling the task ends a call that would wait for ever`() async throws {
        let server = try ScriptedServer(.silence)
        var request = patient("http://127.0.0.1:\(server.port)/")
        request.timeout = .seconds(3600)
        let sent = request
        let call = Task { await failure(sent) }
        while server.requests.isEmpty { await Task.yield() }
        call.cancel()
        #expect(await call.value?.code == .cancelled)
    }

    @Test func `more calls than threads all end`() async throws {
        let count = CurlClient.maximumRunning * 3
        let errors = await withTaskGroup(of: CurlError?.self) { group in
            for _ in 0..<count { group.addTask { await failure(patient("http://127.0.0.1:1/")) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(errors.count == count)
        #expect(errors.allSatisfy { $0?.code == .unreachable })
    }

    @Test(arguments: [
        "file:///etc/passwd", "ftp://127.0.0.1/", "http://user:s3cret@127.0.0.1/", "", "http://", "127.0.0.1:80/",
        "http://127.0.0.1/a b", "http://127.0.0.1:99999/", "gopher://127.0.0.1/", "http://127.0.0.1/\r\nX: 1",
    ])
    func `a URL that must not be fetched is refused before anything is sent`(url: String) async throws {
        let error = try #require(await failure(patient(url)))
        #expect(error.code == .invalidRequest)
        #expect(!error.message.contains("s3cret"))
    }

    @Test(arguments: [
        CurlHeader("X-A", "one\r\nX-B: two"), CurlHeader("X-A", "nul\0"), CurlHeader("X A", "space"),
        CurlHeader("", "none"),
        CurlHeader("X-A") { body in "\n".utf8.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) } },
    ])
    func `a field that would split the request is refused`(header: CurlHeader) async throws {
        #expect(await failure(patient("http://127.0.0.1:1/", headers: [header]))?.code == .invalidRequest)
    }

    @Test func `a method that is not a token is refused`() async throws {
        #expect(
            await failure(patient("http://127.0.0.1:1/", method: "GET / HTTP/1.1\r\n"))?.code == .invalidRequest
        )
    }
}
