internal import CLinux
internal import Glibc
internal import Threads

/// A thread in a network namespace of its own (unshare(2)), and all that it starts. Its one interface is loopback.
package final class OwnNetwork: Sendable {
    private let tasks = Watched<[@Sendable () -> Void]?>([])

    package init() throws {
        try OwnedThread.detach(named: "network") { [tasks] in
            while true {
                try? tasks.wait("work", within: 120) { $0?.isEmpty != true }
                guard
                    let work = tasks.update({ tasks in
                        defer { if tasks != nil { tasks = [] } }
                        return tasks
                    }), !work.isEmpty
                else { return }
                for task in work { task() }
            }
        }
        try run {
            guard gatehouse_leave_network() == 0 else { throw SocketFailure("unshare", errno) }
            try Self.command("ip link set lo up")
        }
    }

    /// Whether this process may make one: CAP_SYS_ADMIN for the namespace, CAP_NET_ADMIN for its interface.
    package static let isAllowed: Bool = {
        guard let network = try? OwnNetwork() else { return false }
        network.close()
        return true
    }()

    /// Why a test is left out where it is not.
    package static let need = "this process may not make a network namespace: CAP_SYS_ADMIN, CAP_NET_ADMIN"

    /// From then on every packet is dropped, and nobody is told.
    package func goDown() throws { try run { try Self.command("ip link set lo down") } }

    private static func command(_ words: String) throws {
        guard system(words) == 0 else { throw SocketFailure(words, 0) }
    }

    package func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let result = Watched<Result<Value, any Error>?>(nil)
        tasks.update {
            $0?.append {
                let made = Result { try body() }
                result.update { $0 = made }
            }
        }
        try result.wait("the network's thread") { $0 != nil }
        guard let made = result.read({ $0 }) else { preconditionFailure("it was waited for") }
        return try made.get()
    }

    package func close() { tasks.update { $0 = nil } }
}
