#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "network.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static int randomDevice = -1;

/** What no other clone knows: all that is drawn from the kernel's generator after this differs. */
static int stir(const uint8_t entropy[64]) {
  struct {
    int bits;
    int size;
    uint8_t bytes[64];
  } pool = {.bits = 512, .size = 64};
  memcpy(pool.bytes, entropy, sizeof pool.bytes);
  if (ioctl(randomDevice, RNDADDENTROPY, &pool) < 0) return errno;
  return ioctl(randomDevice, RNDRESEEDCRNG) < 0 ? errno : 0;
}

static int setClock(uint64_t seconds, uint64_t nanoseconds) {
  struct timespec now = {.tv_sec = (time_t)seconds, .tv_nsec = (long)nanoseconds};
  return clock_settime(CLOCK_REALTIME, &now) < 0 ? errno : 0;
}

static int setHostname(const char hostname[64]) {
  size_t length = strnlen(hostname, 64);
  if (length == 64) return ENAMETOOLONG;
  return sethostname(hostname, length) < 0 ? errno : 0;
}

/** Files of the last identity. They stay open, so that writing one of the same size anew is a single call. */
static struct {
  char path[256];
  size_t size;
  int file;
} kept[8] = {[0 ... 7] = {.file = -1}};
static size_t next;

static int openKept(const char* path, mode_t mode, size_t size, int* file) {
  size_t at = 0;
  while (at < COUNT(kept) && (kept[at].file < 0 || strcmp(kept[at].path, path) != 0)) at++;
  if (at < COUNT(kept) && kept[at].size == size) {
    *file = kept[at].file;
    return 0;
  }
  if (at == COUNT(kept)) at = next++ % COUNT(kept);
  if (kept[at].file >= 0) close(kept[at].file);
  kept[at].file = *file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (*file < 0) return errno;
  kept[at].size = size;
  strcpy(kept[at].path, path);
  // One that was there before this machine had an identity has kept its permissions.
  return fchmod(*file, mode) < 0 ? errno : 0;
}

static int writeFile(const char* path, mode_t mode, const uint8_t* data, size_t size) {
  int file;
  int failure = openKept(path, mode, size, &file);
  if (failure) return failure;
  ssize_t written = pwrite(file, data, size, 0);
  return written < 0 ? errno : (size_t)written < size ? ENOSPC : 0;
}

static int writeFiles(const uint8_t* files, size_t length) {
  if (length > FILES_SIZE) return EMSGSIZE;
  while (length > 0) {
    struct file file;
    if (length < sizeof file) return EBADMSG;
    memcpy(&file, files, sizeof file);
    files += sizeof file;
    length -= sizeof file;
    char path[sizeof kept->path];
    if (file.path >= sizeof path || file.path > length || file.data > length - file.path) return EBADMSG;
    memcpy(path, files, file.path);
    path[file.path] = '\0';
    int failure = writeFile(path, file.mode, files + file.path, file.data);
    if (failure) return failure;
    files += file.path + file.data;
    length -= file.path + file.data;
  }
  return 0;
}

int openIdentity(void) {
  // The modes of files are those that the gateway says.
  umask(0);
  randomDevice = open("/dev/urandom", O_RDWR | O_CLOEXEC);
  return randomDevice < 0 ? errno : openNetwork("eth0");
}

int assume(const struct mailbox* box) {
  int failure = stir(box->entropy);
  if (!failure) failure = setClock(box->seconds, box->nanoseconds);
  if (!failure) failure = setHostname(box->hostname);
  if (!failure) failure = writeFiles(box->files, box->filesLength);
  if (!failure) failure = moveTo(box->mac, box->address, box->prefix, box->gateway);
  return failure;
}

void closeIdentity(void) {
  for (size_t at = 0; at < COUNT(kept); at++)
    if (kept[at].file >= 0) close(kept[at].file);
  close(randomDevice);
  closeNetwork();
}
