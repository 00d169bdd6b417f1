/// The system gives no thread.
package struct ThreadError: Error {
    /// The error of pthread_create(3): an `errno`.
    package let number: Int32
}
