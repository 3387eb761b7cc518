/**
 * Gives a machine its identity when the gateway says which, and reports what runs on it.
 *
 * It is resident when the machine is frozen, with everything open and in memory that it will need, since it
 * works while somebody outside waits for the machine's first answer, and under emulation whatever is new is
 * slow.
 *
 * In ps it looks like the getty of the serial port, whose arguments it is given and ignores.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "identity.h"
#include "mailbox.h"
#include "network.h"
#include "report.h"

/** Between looks at the mailbox: while a request is likely, and after so many looks at a mailbox in which
 * none came. */
static const struct timespec SHORT = {.tv_nsec = 200 * 1000};
static const struct timespec LONG = {.tv_nsec = 20 * 1000 * 1000};
#define PATIENCE 10000

/** Filled as the program runs, so that its file, which is in memory too, has no page that begins with the
 * magic. */
static _Alignas(4096) struct mailbox box;

/** Memory that fills up takes other processes first. */
static void outlive(void) {
  int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  if (write(file, "-1000", 5) < 0) perror("oom_score_adj");
  close(file);
}

static void serve(uint32_t request) {
  box.status = assume(&box);
  atomic_store_explicit(&box.answer, request, memory_order_release);
  // Half an identity is not announced: the gateway waits in vain, and gives up this machine.
  if (box.status == 0) box.status = announce(box.mac, box.address);
}

int main(void) {
  int failure = openIdentity();
  if (failure) {
    fprintf(stderr, "cannot begin: %s\n", strerror(failure));
    return 1;
  }
  int serial = openSerial("/dev/ttyS0");
  if (serial < 0 || mlockall(MCL_CURRENT | MCL_FUTURE) < 0 || prctl(PR_SET_TIMERSLACK, 1) < 0) {
    perror("cannot begin");
    return 1;
  }
  outlive();
  memcpy(box.magic, "potemkin mailbox, version 1.\n", 29);
  if (write(serial, "ready\n", 6) < 0) perror("ttyS0");
  for (uint32_t looks = 0;;) {
    uint32_t request = atomic_load_explicit(&box.request, memory_order_acquire);
    if (request != atomic_load_explicit(&box.answer, memory_order_relaxed)) {
      // Before it is answered: after that the next letter may come, and this one would pass for its last.
      uint32_t final = box.flags & FLAG_FINAL;
      serve(request);
      if (final) break;
      looks = 0;
    }
    if (looks < PATIENCE) looks++;
    nanosleep(looks < PATIENCE ? &SHORT : &LONG, NULL);
  }
  closeIdentity();
  serveReports(serial);
}
