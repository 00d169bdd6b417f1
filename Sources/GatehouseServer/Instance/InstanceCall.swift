internal import CurlClient
internal import GatehouseConfig
package import GatehouseCore

/// A question to the admin listener of an instance of this machine.
package struct InstanceCall: Sendable {
    package let address: Endpoint
    private let key: Secret?

    /// The instance whose run file lies where the configuration says, however much else is wrong with that.
    ///
    /// - Throws: ``GatehouseError`` when none runs, or its file cannot be read.
    package static func running(configuration path: String) throws(GatehouseError) -> InstanceCall {
        let spool = Configuration.spool(path: path)
        guard let file = try RunFile.read(spool: spool) else {
            throw GatehouseError(
                .unusable,
                "no instance runs here: there is no \(RunFile.path(spool: spool)) of a process that lives",
                hint: "gatehouse serve writes it; it lies in the folder that `audit.spool` names"
            )
        }
        return InstanceCall(file.admin, key: file.key)
    }

    /// The instance of a configuration: by its run file, so that a file which is broken by now says nothing of the instance's health; without one,
    /// where the configuration says.
    ///
    /// - Parameter address: where an operator says that it is asked.
    package static func found(
        at address: Endpoint?,
        configuration path: String,
        _ admin: () throws -> Endpoint
    ) throws -> InstanceCall {
        if let address { return InstanceCall(address) }
        do throws(GatehouseError) { return try running(configuration: path) } catch { return InstanceCall(try admin()) }
    }

    package init(_ address: Endpoint, key: Secret? = nil) {
        self.address = address
        self.key = key
    }

    /// - Parameters:
    ///   - timeout: from the call to the end of the answer.
    ///   - maximumBody: bytes of an answer.
    func perform(
        _ method: String = "GET",
        _ path: String,
        timeout: Duration,
        maximumBody: Int
    ) async throws(GatehouseError) -> CurlResponse {
        var request: CurlRequest
        switch address {
        case .tcp(let host, let port):
            // A listener on every address is reached on this machine's own.
            let host = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host
            request = CurlRequest("http://\(Endpoint.tcp(host: host, port: port))\(path)", method: method)
        case .unix(let socket):
            request = CurlRequest("http://localhost\(path)", method: method)
            request.unixSocket = socket
        }
        request.timeout = timeout
        request.connectTimeout = InstanceReadiness.timeout
        request.maximumBody = maximumBody
        if let key, method == "POST" {
            request.headers.append(CurlHeader(RunFile.keyField) { use in key.withUnsafeBytes { use($0) } })
            request.body = CurlBody("")
        }
        do throws(CurlError) {
            return try await CurlClient().perform(request)
        } catch {
            throw GatehouseError(
                .unusable,
                "no instance answers on \(address)",
                hint: "gatehouse serve starts one; `admin` in the configuration says where it is asked",
                // For a Unix socket libcurl's error names only the host, which means nothing there.
                underlying: request.unixSocket == nil ? error : nil
            )
        }
    }

    /// How long an instance may take to report its state, for which it may ask a slow store.
    package static let statusTimeout: Duration = .seconds(15)

    /// Fetches the instance's status.
    package func status(_ form: StatusForm) async throws(GatehouseError) -> [UInt8] {
        let response = try await perform("GET", form.path, timeout: Self.statusTimeout, maximumBody: 16 << 20)
        guard response.status == 200 else {
            throw GatehouseError(
                .unusable,
                "what answers on \(address) does not tell its state: status \(response.status)",
                hint: response.status == 404 ? "an instance of another version runs: restart it" : nil
            )
        }
        return response.body.bytes
    }

    /// Whether the instance sees a file of these bytes as its configuration; nil when it does not say.
    package func sees(_ text: [UInt8]) async -> Bool? {
        guard let state = try? await status(.json),
            let seen = JSONValue(parsing: state)?["configuration"]?["sha256_on_disk"]?.text
        else { return nil }
        return seen == StatusFile.digest(text)
    }

    /// How long an instance may take to read its file again; another store may have to be read for it.
    package static let reloadTimeout: Duration = .seconds(120)

    /// Makes the instance read its file again.
    ///
    /// - Parameter isConfirmed: whether wider access is meant.
    package func reload(isConfirmed: Bool) async throws(GatehouseError) -> ReloadOutcome {
        let response = try await perform(
            "POST",
            isConfirmed ? AdminPaths.confirmedReload : AdminPaths.reload,
            timeout: Self.reloadTimeout,
            maximumBody: 4 << 20
        )
        guard response.status == 200, let outcome = ReloadOutcome(json: response.body.bytes) else {
            throw GatehouseError(.unusable, "what answers on \(address) does not reload: status \(response.status)")
        }
        return outcome
    }
}

/// Paths of the admin listener that change something: for POST, with the key of the run file.
enum AdminPaths {
    static let reload = "/reload"
    static let confirmedReload = "/reload/confirmed"
}
