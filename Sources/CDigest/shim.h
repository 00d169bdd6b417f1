#include <openssl/crypto.h>
#include <openssl/sha.h>

// SHA-256 in states that lie where the caller wants them. OpenSSL 3 calls these deprecated in favour of EVP, whose states are
// allocated one by one: copying one costs more than hashing a block.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static inline void gatehouse_sha256_begin(SHA256_CTX *state) {
    SHA256_Init(state);
}
static inline void gatehouse_sha256_update(SHA256_CTX *state, const void *bytes, size_t count) {
    SHA256_Update(state, bytes, count);
}
static inline void gatehouse_sha256_end(SHA256_CTX *state, void *digest) {
    SHA256_Final((unsigned char *)digest, state);
}
#pragma GCC diagnostic pop
