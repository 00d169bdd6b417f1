/// The system gives no thread.
package struct ThreadError: Error {
    /// What pthread_create(3) says: an `errno`.
    package let number: Int32
}
