/* What tests run in a jail. Writes what it finds to descriptor 3, a line a fact; the first argument says what to do. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void say_result(const char *what, const char *path, int failed) {
  dprintf(3, "%s %s %s\n", what, path, failed ? strerrorname_np(errno) : "allowed");
}

static void close_if_open(int fd) {
  if (fd >= 0) close(fd);
}

static void say_status(void) {
  char line[256];
  FILE *status = fopen("/proc/self/status", "re");
  while (status != NULL && fgets(line, sizeof line, status) != NULL)
    if (strncmp(line, "Cap", 3) == 0 || strncmp(line, "NoNewPrivs", 10) == 0) dprintf(3, "%s", line);
  if (status != NULL) fclose(status);
  dprintf(3, "user %d %d %d\n", getuid(), geteuid(), getpid());
  dprintf(3, "group %d %d %d\n", getgid(), getegid(), getgroups(0, NULL));
}

static void say_interfaces(void) {
  struct if_nameindex *all = if_nameindex();
  for (struct if_nameindex *one = all; one != NULL && one->if_index != 0; one++) dprintf(3, "interface %s\n", one->if_name);
}

static void say_processes(void) {
  DIR *proc = opendir("/proc");
  for (struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;)
    if (atoi(entry->d_name) > 0) dprintf(3, "process %s\n", entry->d_name);
  if (proc != NULL) closedir(proc);
}

static void say_descriptors(void) {
  for (int fd = 0; fd < 65536; fd++) {
    char path[64], target[256] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fcntl(fd, F_GETFD) >= 0 && readlink(path, target, sizeof target - 1) > 0) dprintf(3, "fd %d %s\n", fd, target);
  }
}

/* Tries to change a file or folder in every way. */
static int attack(const char *path, const struct stat *status, int kind, struct FTW *level) {
  (void)level;
  if (strncmp(path, "/proc", 5) == 0) return 0;
  dprintf(3, "there %s\n", path);
  if (kind == FTW_F && !S_ISCHR(status->st_mode)) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    say_result("write", path, fd < 0);
    close_if_open(fd);
  }
  if (kind == FTW_D) {
    char inner[4096];
    snprintf(inner, sizeof inner, "%s/new", path);
    int fd = open(inner, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    say_result("create", path, fd < 0);
    close_if_open(fd);
  }
  say_result("chmod", path, chmod(path, 0777) != 0);
  return 0;
}

static void say_open(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  say_result("open", path, fd < 0);
  close_if_open(fd);
}

static void say_privileges(void) {
  say_result("mount", "tmpfs", mount("none", "/proc", "tmpfs", 0, NULL) != 0);
  say_result("remount", "/", mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL) != 0);
  say_result("chroot", "/proc", chroot("/proc") != 0);
  say_result("setuid", "0", setuid(0) != 0);
  say_result("hostname", "mine", sethostname("mine", 4) != 0);
  say_result("unshare", "user", unshare(CLONE_NEWUSER) != 0);
  say_result("unshare", "net", unshare(CLONE_NEWNET) != 0);
  say_result("mknod", "/dev/mem", mknod("/dev/mem", S_IFCHR | 0600, 0x101) != 0);
  say_result("signal", "everybody", syscall(SYS_kill, -1, 0) != 0);
  const struct sched_param high = {.sched_priority = 1};
  say_result("realtime", "1", sched_setscheduler(0, SCHED_FIFO, &high) != 0);
  say_result("nice", "-1", setpriority(PRIO_PROCESS, 0, -1) != 0);
  say_result("key", "secret", syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "potemkin-test", 0) < 0);
}

/* Runs the rest of the arguments with a key in its session keyring. */
static int with_key(char **arguments) {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "potemkin-test") < 0) return 1;
  long key = syscall(SYS_add_key, "user", "potemkin-test", "x", 1, KEY_SPEC_SESSION_KEYRING);
  /* All may search it. */
  if (key < 0 || syscall(SYS_keyctl, KEYCTL_SETPERM, key, 0x3f3f3f3f) < 0) return 1;
  execvp(arguments[0], arguments);
  return 1;
}

int main(int count, char **arguments) {
  const char *what = count > 1 ? arguments[1] : "";
  if (strcmp(what, "look") == 0) {
    say_status();
    say_interfaces();
    say_processes();
    say_privileges();
  } else if (strcmp(what, "descriptors") == 0) {
    say_descriptors();
  } else if (strcmp(what, "attack") == 0) {
    nftw("/", attack, 16, FTW_PHYS);
  } else if (strcmp(what, "open") == 0) {
    for (int i = 2; i < count; i++) say_open(arguments[i]);
  } else if (strcmp(what, "reopen") == 0) {
    int fd = open(arguments[2], O_WRONLY | O_CLOEXEC);
    say_result("reopen", arguments[2], fd < 0);
  } else if (strcmp(what, "fill") == 0) {
    for (size_t megabytes = 1;; megabytes++) {
      char *memory = malloc(1 << 20);
      if (memory == NULL) return 1;
      memset(memory, 1, 1 << 20);
      dprintf(3, "%zu\n", megabytes);
    }
  } else if (strcmp(what, "bomb") == 0) {
    /* All of them go on for ever, and the first says how far it came. */
    int forks = 0;
    while (fork() > 0) forks++;
    if (getpid() == 1) dprintf(3, "forked %d\n", forks);
    for (;;) (void)!fork();
  } else if (strcmp(what, "say") == 0) {
    for (int i = 1; i <= atoi(arguments[2]); i++) fprintf(stderr, "\033[31mline %d\n", i);
    return 3;
  } else if (strcmp(what, "wait") == 0) {
    dprintf(3, "waiting\n");
    for (;;) pause();
  } else if (strcmp(what, "with-key") == 0) {
    return with_key(arguments + 2);
  } else {
    return 2;
  }
  return 0;
}
