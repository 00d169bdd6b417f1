package import Glibc

/// Takes SIGBUS before whoever took it until now. Each taker looks whether the fault is in memory of its own, and passes on what is not.
///
/// A handler may interrupt anything: what it calls here makes no more than system calls and reads what was written before the first fault.
package enum FaultChain {
    package typealias Handler =
        @convention(c) (Int32, UnsafeMutablePointer<siginfo_t>?, UnsafeMutableRawPointer?) -> Void

    /// Memory for the action before a taker's. One for the process, and never freed.
    package static func place() -> UnsafeMutablePointer<sigaction> {
        let former = UnsafeMutablePointer<sigaction>.allocate(capacity: 1)
        former.initialize(to: sigaction())
        return former
    }

    /// - Parameter former: gets the action before this one.
    /// - Returns: false when the signal cannot be taken.
    package static func install(_ handler: Handler, before former: UnsafeMutablePointer<sigaction>) -> Bool {
        var action = sigaction()
        action.__sigaction_handler.sa_sigaction = handler
        action.sa_flags = SA_SIGINFO | SA_ONSTACK
        return sigaction(SIGBUS, &action, former) == 0
    }

    /// The address of a fault.
    package static func address(_ information: UnsafeMutablePointer<siginfo_t>?) -> UInt? {
        information?.pointee._sifields._sigfault.si_addr.map { UInt(bitPattern: $0) }
    }

    /// Gives a fault to whoever took it before.
    package static func passOn(
        to former: UnsafeMutablePointer<sigaction>,
        _ number: Int32,
        _ information: UnsafeMutablePointer<siginfo_t>?,
        _ context: UnsafeMutableRawPointer?
    ) {
        if former.pointee.sa_flags & SA_SIGINFO != 0, let handler = former.pointee.__sigaction_handler.sa_sigaction {
            return handler(number, information, context)
        }
        // The instruction runs again and meets what would have been without this.
        sigaction(number, former, nil)
    }
}
