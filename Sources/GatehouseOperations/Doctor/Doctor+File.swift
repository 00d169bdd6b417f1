internal import CurlClient
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import Glibc
internal import SocketLoop

/// The configuration file, and what the process is given by the system.
extension Doctor {
    func file() -> [Finding] {
        var findings = configuration.warnings.filter { $0.severity == .error }.map { problem in
            let place = "\(problem.file):\(problem.line):\(problem.column)"
            return Finding(.configuration, .fail, place, problem.message, advice: problem.hint)
        }
        for section in configuration.unread.sorted(by: { $0.rawValue < $1.rawValue }) {
            findings.append(Finding(.configuration, .fail, section.rawValue, "cannot be read, and is not looked at"))
        }
        guard let path, let file = FileStatus(path) else { return findings }
        if let replaced = Finding.replacedFile(path, .configuration) { findings.append(replaced) }
        if file.mode & 0o022 != 0 {
            let advice = "chmod 0644: whoever writes it decides who gets in"
            let detail = "mode \(file.octal): others may write it"
            findings.append(Finding(.configuration, .fail, path, detail, advice: advice))
        }
        if let spool = FileStatus(configuration.audit.spool), geteuid() == 0, spool.owner != 0 {
            let advice =
                "run it as the user that serves: \(Self.name(of: spool.owner)); what root may do says little of that user"
            findings.append(
                Finding(.configuration, .warn, path, "looked at as root, and serve is another user", advice: advice)
            )
        }
        return findings.isEmpty ? [Finding(.configuration, .ok, path, "can be read")] : findings
    }

    private static func name(of user: uid_t) -> String {
        var (entry, found) = (passwd(), UnsafeMutablePointer<passwd>?.none)
        var buffer = [CChar](repeating: 0, count: 4096)
        guard getpwuid_r(user, &entry, &buffer, buffer.count, &found) == 0, let name = found?.pointee.pw_name else {
            return "\(user)"
        }
        return String(cString: name)
    }

    /// The certificate authorities that every TLS connection of this process trusts, where the operator chose them.
    func authorities() -> [Finding] {
        guard let path = CurlRequest.authoritiesOfEnvironment else { return [] }
        guard let file = FileStatus(path), file.isReadable, file.isRegular else {
            let detail = "SSL_CERT_FILE names it, and it cannot be read: no certificate is trusted"
            return [
                Finding(
                    .authorities,
                    .fail,
                    path,
                    detail,
                    advice: "a PEM file with the authorities, readable by this user"
                )
            ]
        }
        return [Finding(.authorities, .ok, path, "SSL_CERT_FILE: its authorities are trusted, and no others")]
    }

    /// The hard limit: `serve` raises the soft one to it.
    private static var attainable: DescriptorLimit {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return DescriptorLimit(Int(clamping: limit.rlim_max))
    }

    func openFiles(_ limit: DescriptorLimit? = nil) -> Finding {
        let descriptors = limit ?? Self.attainable
        let wanted = configuration.limits.connections
        guard wanted > descriptors.connections else {
            return Finding(.openFiles, .ok, "\(descriptors.count), enough for limits.connections (\(wanted))")
        }
        let advice =
            "LimitNOFILE= in the unit, or --ulimit nofile= for the container: each connection takes two; or lower limits.connections"
        let detail = "\(descriptors.count): \(descriptors.connections) connections fit, limits.connections is \(wanted)"
        return Finding(.openFiles, .warn, detail, advice: advice)
    }
}
