#include <curl/curl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

// libcurl leaves the fields and answers that went through it, tokens and client secrets among them, in what it frees: its memory is zeroed first.
static inline void gatehouse_curl_free(void *memory) {
    if (!memory) return;
    explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}
static inline void *gatehouse_curl_realloc(void *memory, size_t size) {
    void *other = malloc(size);
    if (!other || !memory) return other;
    size_t former = malloc_usable_size(memory);
    memcpy(other, memory, former < size ? former : size);
    gatehouse_curl_free(memory);
    return other;
}
static inline CURLcode gatehouse_global_init(void) {
    return curl_global_init_mem(CURL_GLOBAL_ALL, malloc, gatehouse_curl_free, gatehouse_curl_realloc, strdup, calloc);
}

// curl_easy_setopt and curl_easy_getinfo are variadic, which Swift cannot call: one typed function for each kind of
// argument.
static inline CURLcode gatehouse_setopt_string(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode gatehouse_setopt_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode gatehouse_setopt_pointer(CURL *easy, CURLoption option, const void *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode gatehouse_setopt_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode gatehouse_setopt_off(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}
typedef size_t (*gatehouse_write_function)(char *bytes, size_t size, size_t count, void *context);
static inline CURLcode gatehouse_setopt_write(CURL *easy, CURLoption option, gatehouse_write_function value) {
    return curl_easy_setopt(easy, option, value);
}
typedef CURLcode (*gatehouse_ssl_context_function)(CURL *easy, void *ssl_context, void *context);
static inline CURLcode gatehouse_setopt_ssl_context(CURL *easy, gatehouse_ssl_context_function value) {
    return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, value);
}
typedef int (*gatehouse_prereq_function)(void *context, char *remote, char *local, int remote_port, int local_port);
static inline CURLcode gatehouse_setopt_prereq(CURL *easy, gatehouse_prereq_function value) {
    return curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, value);
}
static inline CURLcode gatehouse_getinfo_long(CURL *easy, CURLINFO info, long *value) {
    return curl_easy_getinfo(easy, info, value);
}

// The result is a member of a union that Swift cannot read when its name is `data`.
static inline CURLcode gatehouse_message_result(const CURLMsg *message) {
    return message->data.result;
}
