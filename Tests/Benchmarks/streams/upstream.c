// The upstream of the benchmark: one thread, epoll, HTTP/1.1 with keep-alive. Its work for each request is small and
// always the same, so that what is measured is the proxy.
//
//   upstream PORT CERTS BLOB
//
//   GET  /certs     the file CERTS                     GET  /blob      the file BLOB
//   POST /upload    reads the body, answers 3 bytes    ANY  /echo      the request's head as it came
//   GET  /sse?i=N   an event stream: one event at once, then one each N ms (0: silent)
//   ANY  /sized?N  a tools/call result of N bytes, up to 1 MiB
//   GET  /emit      one event on every open stream     GET  /count     open streams
//   POST else       a message of MCP: a tools/call result of about 300 bytes, or what a gateway asks for before it calls; the tool `echo` gives the
//                   request's head
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 65536, MAX_HEAD = 32768, MIN_SIZED = 128, MAX_SIZED = 1 << 20 };

struct connection {
  int is_open, is_stream;
  uint32_t sequence, interval_ms;
  uint64_t due;
  char *input;
  size_t length;
  size_t body_left;           // of an upload
  const char *output;         // of a blob that did not fit into the socket
  size_t output_left;
};

static struct connection all[MAX_CONNECTIONS];
static int poller, timer, ticking, open_streams, highest;
static char *certs, *blob;
static size_t certs_length, blob_length;

static const char called[] =
    "{\"content\":[{\"type\":\"text\",\"text\":\"{\\\"rows\\\":[{\\\"id\\\":"
    "\\\"i-AbCdEf\\\",\\\"name\\\":\\\"Fix login\\\",\\\"status\\\":\\\"open\\\",\\\"owner\\\":\\\"ops@example.com\\\"},"
    "{\\\"id\\\":\\\"i-GhIjKl\\\",\\\"name\\\":\\\"Rotate keys\\\",\\\"status\\\":\\\"open\\\"}],\\\"next\\\":null}\"}],"
    "\"isError\":false}";
static const char initialized[] =
    "{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"bench\",\"version\":\"1\"}}";
static const char tools[] =
    "{\"tools\":[{\"name\":\"list_rows\",\"inputSchema\":{\"type\":\"object\"}},"
    "{\"name\":\"echo\",\"inputSchema\":{\"type\":\"object\"}}]}";

// One size at a time: all connections that are answered together ask for the same.
static char *sized(size_t length) {
  static const char begin[] = "{\"jsonrpc\":\"2.0\",\"id\":17,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"";
  static const char end[] = "\"}],\"isError\":false}}";
  static char text[MAX_SIZED];
  static size_t made;
  if (made == length) return text;
  made = length;
  memset(text, 'x', length);
  memcpy(text, begin, sizeof begin - 1);
  memcpy(text + length - (sizeof end - 1), end, sizeof end - 1);
  return text;
}

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

static char *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (!file) { perror(path); exit(1); }
  fseek(file, 0, SEEK_END);
  *length = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*length + 1);
  if (fread(bytes, 1, *length, file) != *length) { perror(path); exit(1); }
  bytes[*length] = 0;
  fclose(file);
  return bytes;
}

static void set_timer(void) {
  struct itimerspec spec = {{0, ticking ? 1000000 : 0}, {0, ticking ? 1000000 : 0}};
  timerfd_settime(timer, 0, &spec, NULL);
}

static void shut(int number) {
  struct connection *connection = &all[number];
  if (!connection->is_open) return;
  if (connection->is_stream) {
    open_streams--;
    if (connection->interval_ms && --ticking == 0) set_timer();
  }
  free(connection->input);
  memset(connection, 0, sizeof *connection);
  close(number);
}

static void watch_output(int number, int wanted) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | (wanted ? EPOLLOUT : 0), .data.fd = number};
  epoll_ctl(poller, EPOLL_CTL_MOD, number, &event);
}

static void push(int number) {
  struct connection *connection = &all[number];
  while (connection->output_left) {
    ssize_t sent = write(number, connection->output, connection->output_left);
    if (sent < 0) {
      if (errno == EAGAIN) return watch_output(number, 1);
      return shut(number);
    }
    connection->output += sent;
    connection->output_left -= (size_t)sent;
  }
  watch_output(number, 0);
}

static void answer(int number, const char *type, const char *body, size_t length) {
  char head[256];
  int count = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", type, length);
  if (length < MAX_HEAD - 256) {
    char whole[MAX_HEAD];
    memcpy(whole, head, (size_t)count);
    memcpy(whole + count, body, length);
    if (write(number, whole, (size_t)count + length) != (ssize_t)((size_t)count + length)) shut(number);
    return;
  }
  if (write(number, head, (size_t)count) != count) return shut(number);
  all[number].output = body;
  all[number].output_left = length;
  push(number);
}

// An event as a chunk, with the time of its making, from which the client knows how long it took.
static int event_text(struct connection *connection, char *output) {
  char event[256];
  int count = snprintf(event, sizeof event,
                       "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":"
                       "{\"progressToken\":1,\"progress\":%u,\"ts\":%llu}}\n\n",
                       connection->sequence++, (unsigned long long)now_ns());
  return sprintf(output, "%x\r\n%.*s\r\n", count, count, event);
}

static void emit(int number) {
  char output[512];
  int count = event_text(&all[number], output);
  if (write(number, output, (size_t)count) != count) shut(number);
}

static void begin_stream(int number, const char *query) {
  struct connection *connection = &all[number];
  char output[1024];
  int count = sprintf(output,
                      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n");
  count += event_text(connection, output + count);
  connection->is_stream = 1;
  connection->interval_ms = query ? (uint32_t)atoi(query + 3) : 0;
  open_streams++;
  if (connection->interval_ms) {
    connection->due = now_ns() + connection->interval_ms * 1000000ull;
    if (ticking++ == 0) set_timer();
  }
  free(connection->input);
  connection->input = NULL;
  connection->length = 0;
  if (write(number, output, (size_t)count) != count) shut(number);
}

static int holds(const char *bytes, size_t count, const char *text) { return memmem(bytes, count, text, strlen(text)) != NULL; }

// The head as the text of a tool's result: quotation marks and line ends are not what is looked for in it.
static const char *echoed(const char *head, size_t length) {
  static char text[MAX_HEAD + 128];
  size_t count = (size_t)sprintf(text, "{\"content\":[{\"type\":\"text\",\"text\":\"");
  for (size_t index = 0; index < length && count < MAX_HEAD; index++)
    text[count++] = head[index] < ' ' || head[index] == '"' || head[index] == '\\' ? ' ' : head[index];
  strcpy(text + count, "\"}]}");
  return text;
}

static void message(int number, const char *head, size_t length, const char *body, size_t count) {
  static char text[MAX_HEAD + 512];
  const char *id = memmem(body, count, "\"id\":", 5);
  if (!id) {
    static const char accepted[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
    if (write(number, accepted, sizeof accepted - 1) != sizeof accepted - 1) shut(number);
    return;
  }
  id += 5;
  int digits = (int)strcspn(id, ",}");
  if (id + digits > body + count || digits > 64) return shut(number);
  const char *word = "result", *value = called;
  if (!holds(body, count, "\"tools/call\"")) {
    if (holds(body, count, "\"initialize\"")) value = initialized;
    else if (holds(body, count, "\"tools/list\"")) value = tools;
    else if (holds(body, count, "\"ping\"")) value = "{}";
    else word = "error", value = "{\"code\":-32601,\"message\":\"Method not found\"}";
  } else if (holds(body, count, "\"name\":\"echo\"")) {
    value = echoed(head, length);
  }
  answer(number, "application/json", text,
         (size_t)sprintf(text, "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"%s\":%s}", digits, id, word, value));
}

static void request(int number, char *head, size_t length, size_t body) {
  const char *path = strchr(head, ' ');
  if (!path) return shut(number);
  path++;
  if (!strncmp(path, "/sse", 4)) return begin_stream(number, strstr(path, "?i="));
  if (!strncmp(path, "/certs", 6)) return answer(number, "application/json", certs, certs_length);
  if (!strncmp(path, "/blob", 5)) return answer(number, "application/octet-stream", blob, blob_length);
  if (!strncmp(path, "/sized?", 7)) {
    size_t wanted = strtoul(path + 7, NULL, 10);
    if (wanted < MIN_SIZED || wanted > MAX_SIZED) return shut(number);
    return answer(number, "application/json", sized(wanted), wanted);
  }
  if (!strncmp(path, "/echo", 5)) return answer(number, "text/plain", head, length);
  if (!strncmp(path, "/upload", 7)) {
    all[number].body_left = body;
    if (!body) answer(number, "text/plain", "ok\n", 3);
    return;
  }
  if (!strncmp(path, "/emit", 5)) {
    for (int other = 0; other <= highest; other++)
      if (all[other].is_stream) emit(other);
    return answer(number, "text/plain", "ok\n", 3);
  }
  if (!strncmp(path, "/count", 6)) {
    char text[32];
    return answer(number, "text/plain", text, (size_t)sprintf(text, "%d\n", open_streams));
  }
  if (!strncmp(head, "POST ", 5)) return message(number, head, length, head + length, body);
  static const char refused[] = "HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\nContent-Length: 0\r\n\r\n";
  if (write(number, refused, sizeof refused - 1) != sizeof refused - 1) shut(number);
}

static void received(int number, char *bytes, size_t count) {
  struct connection *connection = &all[number];
  if (connection->is_stream) return;
  if (!connection->input) connection->input = malloc(MAX_HEAD + 1);
  while (count && connection->is_open && !connection->is_stream) {
    if (connection->body_left) {
      size_t taken = count < connection->body_left ? count : connection->body_left;
      bytes += taken;
      count -= taken;
      connection->body_left -= taken;
      if (!connection->body_left) answer(number, "text/plain", "ok\n", 3);
      continue;
    }
    size_t room = MAX_HEAD - connection->length, taken = count < room ? count : room;
    if (!taken) return shut(number);
    memcpy(connection->input + connection->length, bytes, taken);
    connection->length += taken;
    connection->input[connection->length] = 0;
    bytes += taken;
    count -= taken;
    while (connection->is_open && !connection->is_stream && !connection->body_left && connection->length) {
      char *end = strstr(connection->input, "\r\n\r\n");
      if (!end) break;
      size_t head = (size_t)(end - connection->input) + 4;
      char *field = strcasestr(connection->input, "\r\ncontent-length:");
      size_t body = field && field < end ? strtoul(field + 17, NULL, 10) : 0;
      int is_upload = strstr(connection->input, " /upload") && strstr(connection->input, " /upload") < end;
      size_t have = connection->length - head;
      // Only an upload is read as it comes; other bodies fit behind their head.
      if (!is_upload && have < body) break;
      size_t used = have < body ? have : body;
      request(number, connection->input, head, body);
      if (!connection->is_open || connection->is_stream) return;
      size_t rest = have - used;
      memmove(connection->input, connection->input + head + used, rest);
      connection->length = rest;
      connection->input[rest] = 0;
      if (is_upload && body) {
        connection->body_left = body - used;
        if (!connection->body_left) answer(number, "text/plain", "ok\n", 3);
      }
    }
  }
}

static void tick(void) {
  uint64_t expirations, time = now_ns();
  if (read(timer, &expirations, 8) < 0) return;
  for (int number = 0; number <= highest; number++) {
    struct connection *connection = &all[number];
    if (!connection->is_stream || !connection->interval_ms || connection->due > time) continue;
    connection->due += connection->interval_ms * 1000000ull;
    emit(number);
  }
}

int main(int count, char **arguments) {
  if (count != 4) return 64;
  signal(SIGPIPE, SIG_IGN);
  certs = read_file(arguments[2], &certs_length);
  blob = read_file(arguments[3], &blob_length);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 8192)) { perror("listen"); return 1; }
  poller = epoll_create1(0);
  timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  event.data.fd = timer;
  epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event);
  static char buffer[1 << 18];
  struct epoll_event ready[512];
  for (;;) {
    int number_ready = epoll_wait(poller, ready, 512, -1);
    for (int index = 0; index < number_ready; index++) {
      int number = ready[index].data.fd;
      if (number == listener) {
        int accepted;
        while ((accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
          if (accepted >= MAX_CONNECTIONS) { close(accepted); continue; }
          setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
          all[accepted].is_open = 1;
          if (accepted > highest) highest = accepted;
          event.events = EPOLLIN | EPOLLRDHUP;
          event.data.fd = accepted;
          epoll_ctl(poller, EPOLL_CTL_ADD, accepted, &event);
        }
      } else if (number == timer) {
        tick();
      } else if (all[number].is_open) {
        if (ready[index].events & EPOLLOUT) push(number);
        if (!all[number].is_open || !(ready[index].events & ~(uint32_t)EPOLLOUT)) continue;
        ssize_t got = read(number, buffer, sizeof buffer);
        if (got > 0) received(number, buffer, (size_t)got);
        else if (got == 0 || errno != EAGAIN) shut(number);
      }
    }
  }
}
