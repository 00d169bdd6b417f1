// A client with many event streams.
//
//   listener PORT PATH STREAMS SECONDS [GAP_US]      the assertion is read from $ASSERTION
//
// Opens STREAMS streams, GAP_US apart, prints "READY n" once each has had its first event, reads for SECONDS more and
// prints one JSON line: the time from each request to its first event, and from the making of each later event to its arrival.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 4096, MAX_EVENTS = 4000000, OPENING = 64 };

struct stream {
  int number, has_first, length;
  uint64_t asked;
  char bytes[BUFFER];
};

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

static int ascending(const void *one, const void *other) {
  double a = *(const double *)one, b = *(const double *)other;
  return a < b ? -1 : a > b;
}

static double percentile(const double *sorted, int count, double share) {
  return count ? sorted[(int)(share * (count - 1))] : -1;
}

int main(int count, char **arguments) {
  if (count < 5) return 64;
  int port = atoi(arguments[1]), streams = atoi(arguments[3]), gap_us = count > 5 ? atoi(arguments[5]) : 1000;
  uint64_t reading = (uint64_t)(atof(arguments[4]) * 1e9);
  const char *assertion = getenv("ASSERTION");
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  char request[20000];
  int length = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: mcp.example.com\r\nAccept: text/event-stream\r\n"
                        "Cf-Access-Jwt-Assertion: %s\r\n\r\n",
                        arguments[2], assertion ? assertion : "");
  struct stream *all = calloc((size_t)streams, sizeof *all);
  double *latency = malloc(MAX_EVENTS * sizeof *latency), *first = malloc((size_t)streams * sizeof *first);
  int events = 0, firsts = 0, failed = 0, opened = 0, is_ready = 0, one = 1, poller = epoll_create1(0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  uint64_t start = now_ns(), end = start + reading + (uint64_t)streams * (uint64_t)gap_us * 1000 + 20000000000ull, next = start;
  struct epoll_event ready[256];
  while (now_ns() < end) {
    while (opened < streams && now_ns() >= next && opened - firsts - failed < OPENING) {
      struct stream *stream = &all[opened++];
      stream->number = socket(AF_INET, SOCK_STREAM, 0);
      setsockopt(stream->number, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      if (connect(stream->number, (struct sockaddr *)&address, sizeof address)) { failed++; close(stream->number); continue; }
      struct epoll_event event = {.events = EPOLLIN, .data.ptr = stream};
      epoll_ctl(poller, EPOLL_CTL_ADD, stream->number, &event);
      stream->asked = now_ns();
      if (write(stream->number, request, (size_t)length) != length) failed++;
      next += (uint64_t)gap_us * 1000;
    }
    if (!is_ready && firsts + failed >= streams) {
      is_ready = 1;
      printf("READY %d\n", firsts);
      fflush(stdout);
      end = now_ns() + reading;
    }
    int number_ready = epoll_wait(poller, ready, 256, opened < streams ? 1 : 50);
    for (int index = 0; index < number_ready; index++) {
      struct stream *stream = ready[index].data.ptr;
      ssize_t got = read(stream->number, stream->bytes + stream->length, (size_t)(BUFFER - 1 - stream->length));
      uint64_t time = now_ns();
      if (got <= 0 || (!stream->has_first && stream->length == 0 && strncmp(stream->bytes, "HTTP/1.1 200", 12))) {
        failed++;
        close(stream->number);
        continue;
      }
      stream->length += (int)got;
      stream->bytes[stream->length] = 0;
      char *place = stream->bytes, *stamp;
      while ((stamp = strstr(place, "\"ts\":")) && strstr(stamp, "}}\n\n")) {
        double taken = (double)(time - strtoull(stamp + 5, NULL, 10)) / 1000.0;
        if (!stream->has_first) {
          stream->has_first = 1;
          first[firsts++] = (double)(time - stream->asked) / 1000.0;
        } else if (events < MAX_EVENTS) {
          latency[events++] = taken;
        }
        place = stamp + 5;
      }
      stream->length -= (int)(place - stream->bytes);
      memmove(stream->bytes, place, (size_t)stream->length);
      if (stream->length > BUFFER - 600) stream->length = 0;
    }
  }
  qsort(latency, (size_t)events, sizeof *latency, ascending);
  qsort(first, (size_t)firsts, sizeof *first, ascending);
  printf("{\"streams\":%d,\"open\":%d,\"failed\":%d,\"first_p50\":%.0f,\"first_p99\":%.0f,\"events\":%d,"
         "\"event_p50\":%.0f,\"event_p99\":%.0f}\n",
         streams, firsts, failed, percentile(first, firsts, .5), percentile(first, firsts, .99), events,
         percentile(latency, events, .5), percentile(latency, events, .99));
  return 0;
}
