#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// Macros, which Swift cannot call.
static inline long gatehouse_set_server_name(SSL *ssl, const char *name) {
    return SSL_set_tlsext_host_name(ssl, name);
}
static inline int gatehouse_require_tls12(SSL_CTX *context) {
    return (int)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}
static inline void gatehouse_set_client_modes(SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
}
static inline int gatehouse_pending_output(BIO *bio) {
    return (int)BIO_ctrl_pending(bio);
}
// An empty source is not its end: more may come.
static inline void gatehouse_keep_open(BIO *bio) {
    BIO_set_mem_eof_return(bio, -1);
}
// The bytes as a source of their own.
static inline BIO *gatehouse_copy_of(const void *bytes, long count) {
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && count > 0 && BIO_write(bio, bytes, (int)count) != count) {
        BIO_free(bio);
        return NULL;
    }
    return bio;
}
static inline int gatehouse_is_end_of_pem(unsigned long error) {
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}
