#include "report.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define TCP_LISTENS 0x0a
#define UDP_IS_BOUND 0x07
#define KERNEL_THREAD 0x00200000ul
#define NAMES 256

int openSerial(const char* path) {
  int port = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (port < 0) return -1;
  struct termios mode;
  if (tcgetattr(port, &mode) < 0) return -1;
  cfmakeraw(&mode);
  mode.c_cflag |= CLOCAL;
  return tcsetattr(port, TCSANOW, &mode) < 0 ? -1 : port;
}

/** One line for each socket of a table of /proc/net that is in this state. */
static void reportSockets(int port, const char* protocol, const char* path, unsigned state) {
  FILE* table = fopen(path, "re");
  if (!table) return;
  char line[256];
  while (fgets(line, sizeof line, table)) {
    unsigned number;
    unsigned found;
    if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &number, &found) == 2 && found == state)
      dprintf(port, "listen %s %u\n", protocol, number);
  }
  fclose(table);
}

/** The name of a process, unless it is a thread of the kernel or has just ended. */
static int nameOf(const char* process, char name[64]) {
  char path[300];
  char text[512];
  snprintf(path, sizeof path, "/proc/%s/stat", process);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t size = read(file, text, sizeof text - 1);
  close(file);
  if (size <= 0) return 0;
  text[size] = '\0';
  // PID (NAME) STATE PPID PGRP SESSION TTY TPGID FLAGS: a name may hold anything, so its end is the last
  // parenthesis.
  char* begin = strchr(text, '(');
  char* end = strrchr(text, ')');
  unsigned long flags;
  if (!begin || !end || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %lu", &flags) != 1 || flags & KERNEL_THREAD)
    return 0;
  *end = '\0';
  snprintf(name, 64, "%s", begin + 1);
  // One word, whatever a process calls itself.
  for (char* at = name; *at; at++)
    if (!isgraph((unsigned char)*at)) *at = '_';
  return 1;
}

static void reportProcesses(int port) {
  static struct {
    char name[64];
    unsigned count;
  } names[NAMES];
  size_t used = 0;
  DIR* processes = opendir("/proc");
  if (!processes) return;
  for (struct dirent* entry = readdir(processes); entry; entry = readdir(processes)) {
    char name[64];
    if (!isdigit((unsigned char)entry->d_name[0]) || !nameOf(entry->d_name, name)) continue;
    size_t at = 0;
    while (at < used && strcmp(names[at].name, name) != 0) at++;
    if (at == NAMES) continue;
    if (at == used) {
      memcpy(names[used].name, name, sizeof name);
      names[used++].count = 0;
    }
    names[at].count++;
  }
  closedir(processes);
  for (size_t at = 0; at < used; at++) dprintf(port, "process %s %u\n", names[at].name, names[at].count);
}

static void report(int port) {
  reportSockets(port, "tcp", "/proc/net/tcp", TCP_LISTENS);
  reportSockets(port, "tcp", "/proc/net/tcp6", TCP_LISTENS);
  reportSockets(port, "udp", "/proc/net/udp", UDP_IS_BOUND);
  reportSockets(port, "udp", "/proc/net/udp6", UDP_IS_BOUND);
  reportProcesses(port);
  dprintf(port, "end\n");
}

void serveReports(int port) {
  char line[64];
  size_t length = 0;
  for (;;) {
    char byte;
    // A port that fails gives nothing more to do, and a busy loop would give the machine away.
    if (read(port, &byte, 1) != 1)
      sleep(60);
    else if (byte == '\n') {
      if (length == 6 && memcmp(line, "report", 6) == 0) report(port);
      length = 0;
    } else if (length < sizeof line)
      line[length++] = byte;
  }
}
