/**
 * A worm without malice, to show how causes spread. Told `go N` on port 7007, a machine connects to the same
 * port of the next address, sends it EXPLOIT, tells it `go N-1` if N is above 1, and answers where it went.
 * Lines that begin with # are passed over.
 *
 * Its own address is the one by which it was contacted. src/farm/simulated/chain.ts is the same for simulated
 * machines.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 7007
/** The most machines that one command reaches. */
#define FARTHEST 32
#define CONNECTIONS 64
/** Stands for what a worm sends to take a machine over: the same on every machine, and said first. */
#define EXPLOIT "# This stands for what a worm sends to take a machine over. It does nothing.\n"

struct connection {
  int socket;    /**< -1: none. */
  uint64_t id;   /**< Never used again. */
  uint64_t used; /**< When, in turns of `turn`. */
  /** Opened by this machine: to whom, for which connection if that is still there, and what to pass on. */
  int onward;
  int established;
  uint32_t target;
  size_t partner;
  uint64_t partnerId;
  unsigned hops;
  /** What came of a line. One that fills it is too long to be a command. */
  char line[16];
  size_t length;
};

static struct connection connections[CONNECTIONS];
static uint64_t turn;

static void drop(struct connection* c) {
  close(c->socket);
  c->socket = -1;
}

/** A slot, that of the connection that was idle longest if all are taken. */
static struct connection* take(int peer) {
  struct connection* found = connections;
  for (struct connection* c = connections; c < connections + CONNECTIONS && found->socket >= 0; c++)
    if (c->socket < 0 || c->used < found->used) found = c;
  if (found->socket >= 0) drop(found);
  turn++;
  *found = (struct connection){.socket = peer, .id = turn, .used = turn};
  return found;
}

/** A peer that does not take it in loses what does not fit. */
static void say(struct connection* c, const char* format, ...) {
  char text[128];
  va_list values;
  va_start(values, format);
  int length = vsnprintf(text, sizeof text, format, values);
  va_end(values);
  if (send(c->socket, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) drop(c);
}

/** Tells the connection that asked for this one, if it is still there, what became of it. */
static void tell(const struct connection* onward, const char* what) {
  struct connection* asked = &connections[onward->partner];
  if (asked->socket < 0 || asked->id != onward->partnerId) return;
  char address[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &onward->target, address, sizeof address);
  say(asked, "%s %s\r\n", what, address);
}

/** An onward connection is established, or came to nothing. */
static void settle(struct connection* c, int failure) {
  tell(c, failure ? "could not go to" : "went to");
  c->established = 1;
  if (!failure && c->hops > 0) {
    say(c, EXPLOIT "go %u\n", c->hops);
    return;
  }
  if (!failure) say(c, EXPLOIT);
  if (c->socket >= 0) drop(c);
}

static void go(struct connection* asked, unsigned hops) {
  struct sockaddr_in own;
  socklen_t size = sizeof own;
  int next = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (next < 0 || getsockname(asked->socket, (struct sockaddr*)&own, &size) < 0) {
    close(next);
    return;
  }
  // Lest a line of many commands takes the place of the connection that they come by.
  asked->used = ++turn;
  struct connection* c = take(next);
  c->onward = 1;
  c->target = htonl(ntohl(own.sin_addr.s_addr) + 1);
  c->partner = (size_t)(asked - connections);
  c->partnerId = asked->id;
  c->hops = hops - 1;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr = {c->target}};
  if (connect(next, (struct sockaddr*)&to, sizeof to) == 0)
    settle(c, 0);
  else if (errno != EINPROGRESS)
    settle(c, errno);
}

/** N of `go N`, or 0. */
static unsigned hopsOf(const char* line) {
  if (strncmp(line, "go ", 3) != 0) return 0;
  size_t digits = strspn(line + 3, "0123456789");
  if (digits < 1 || digits > 9 || line[3 + digits] != '\0') return 0;
  return (unsigned)strtoul(line + 3, NULL, 10);
}

static void command(struct connection* c) {
  if (c->length == 0) return;
  if (c->line[0] == '#') {
    c->length = 0;
    return;
  }
  c->line[c->length < sizeof c->line ? c->length : 0] = '\0';
  c->length = 0;
  unsigned hops = hopsOf(c->line);
  if (hops >= 1 && hops <= FARTHEST)
    go(c, hops);
  else
    say(c, "expected: go N, with N from 1 to %d\r\n", FARTHEST);
}

static void heard(struct connection* c) {
  char bytes[256];
  ssize_t size = recv(c->socket, bytes, sizeof bytes, MSG_DONTWAIT);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) {
    drop(c);
    return;
  }
  for (ssize_t at = 0; at < size && c->socket >= 0; at++) {
    // The machine it went to has answered: nothing more is wanted of it.
    if (c->onward && bytes[at] == '\n')
      drop(c);
    else if (c->onward || bytes[at] == '\r')
      continue;
    else if (bytes[at] == '\n')
      command(c);
    else if (c->length < sizeof c->line)
      c->line[c->length++] = bytes[at];
  }
}

static int listenOn(uint16_t port) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int one = 1;
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
      bind(listener, (struct sockaddr*)&any, sizeof any) < 0 || listen(listener, CONNECTIONS) < 0)
    return -1;
  return listener;
}

/** Something happened to a connection. */
static void turnTo(struct connection* c) {
  if (!c->onward || c->established) {
    heard(c);
    return;
  }
  int failure = 0;
  socklen_t size = sizeof failure;
  getsockopt(c->socket, SOL_SOCKET, SO_ERROR, &failure, &size);
  settle(c, failure);
}

int main(void) {
  int listener = listenOn(PORT);
  if (listener < 0) {
    perror("chain: cannot listen");
    return 1;
  }
  for (size_t at = 0; at < CONNECTIONS; at++) connections[at].socket = -1;
  for (;;) {
    struct pollfd waits[CONNECTIONS + 1] = {{.fd = listener, .events = POLLIN}};
    uint64_t ids[CONNECTIONS];
    for (size_t at = 0; at < CONNECTIONS; at++) {
      const struct connection* c = &connections[at];
      ids[at] = c->id;
      waits[at + 1].fd = c->socket;
      waits[at + 1].events = c->onward && !c->established ? POLLOUT : POLLIN;
    }
    if (poll(waits, CONNECTIONS + 1, -1) < 0) continue;
    for (size_t at = 0; at < CONNECTIONS; at++) {
      struct connection* c = &connections[at];
      // What was done before in this round may have given the slot to another connection.
      if (waits[at + 1].revents && c->socket >= 0 && c->id == ids[at]) turnTo(c);
    }
    if (waits[0].revents) {
      int accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (accepted >= 0) take(accepted);
    }
  }
}
