#include "launcher/jail.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "launcher/root.h"

namespace potemkin::launcher {

namespace {

// Ends the new process and says which step failed.
[[noreturn]] void Give(const Jail& jail, const char* step, const char* what = "") {
  dprintf(jail.status.get(), "%s%s: %s", step, what, std::strerror(errno));
  _exit(127);
}

void Limit(const Jail& jail, __rlimit_resource resource, rlim_t value, const char* step) {
  rlimit now;
  if (getrlimit(resource, &now) != 0) Give(jail, step);
  // Raising a hard limit may be denied even to root.
  now.rlim_cur = now.rlim_max = std::min(value, now.rlim_max);
  if (setrlimit(resource, &now) != 0) Give(jail, step);
}

void EnterGroups(const Jail& jail) {
  for (const Fd& tasks : jail.entrances.tasks)
    if (write(tasks.get(), "0", 1) != 1) Give(jail, "entering a control group");
  // What it is in is the root for it, and the host's names are not shown.
  if (unshare(CLONE_NEWCGROUP) != 0) Give(jail, "making a cgroup namespace");
}

void SetLimits(const Jail& jail) {
  Limit(jail, RLIMIT_NOFILE, jail.launch.files, "limiting open files");
  Limit(jail, RLIMIT_NPROC, jail.launch.processes, "limiting processes");
  Limit(jail, RLIMIT_FSIZE, jail.launch.fileBytes, "limiting the size of files");
  // Not 0: where core dumps are piped into a program that means no limit, and 1 means none. See core(5).
  Limit(jail, RLIMIT_CORE, 1, "limiting core dumps");
  // Not more of what counts beside its control groups, whatever the daemon was given.
  Limit(jail, RLIMIT_RTPRIO, 0, "limiting real-time priority");
  Limit(jail, RLIMIT_NICE, 0, "limiting priority");
  Limit(jail, RLIMIT_MEMLOCK, 0, "limiting locked memory");
}

// Puts the descriptors in their places, and lets the program inherit no others.
void ArrangeDescriptors(const Jail& jail) {
  if (dup2(jail.errors.get(), STDERR_FILENO) < 0) Give(jail, "placing standard error");
  int place = kFirstPlace;
  for (const Fd& fd : jail.descriptors)
    if (dup2(fd.get(), place++) < 0) Give(jail, "placing a descriptor");
  if (close_range(static_cast<unsigned>(place), ~0U, CLOSE_RANGE_CLOEXEC) != 0)
    Give(jail, "keeping other descriptors back");
}

void DropPrivileges(const Jail& jail) {
  // No capability can come back, whatever is executed. The first that the kernel does not know is invalid.
  for (unsigned long capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; capability++) continue;
  if (errno != EINVAL) Give(jail, "bounding capabilities");
  if (setgroups(0, nullptr) != 0) Give(jail, "dropping groups");
  if (setresgid(jail.user, jail.user, jail.user) != 0) Give(jail, "changing the group");
  if (setresuid(jail.user, jail.user, jail.user) != 0) Give(jail, "changing the user");
  // Whatever the daemon has arranged to keep or to inherit, and with it the ambient ones.
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
  if (syscall(SYS_capset, &header, none) != 0) Give(jail, "dropping capabilities");
  // Keys of the daemon's session are not for it. A kernel without keys, or a filter that denies the call to
  // the daemon, denies it to the machine as well.
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 && errno != ENOSYS && errno != EPERM)
    Give(jail, "making a session keyring");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) Give(jail, "denying new privileges");
}

// Never returns to what the launcher was doing, not even by an exception.
[[noreturn]] void Become(const Jail& jail) noexcept {
  // No terminal, no signal of the launcher's group, and the dispositions that programs expect. But a file
  // that is full is an error like others, which a guest hears of from its disk, and no reason to end its
  // machine.
  if (setsid() < 0) Give(jail, "making a session");
  sigset_t none;
  sigemptyset(&none);
  if (sigprocmask(SIG_SETMASK, &none, nullptr) != 0 || signal(SIGPIPE, SIG_DFL) == SIG_ERR ||
      signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
    Give(jail, "resetting signals");
  EnterGroups(jail);
  if (!MountProc()) Give(jail, "mounting /proc");
  ArrangeDescriptors(jail);
  SetLimits(jail);
  DropPrivileges(jail);
  std::vector<char*> arguments;
  for (const std::string& argument : jail.launch.arguments)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  // QEMU touches thousands of pages before it runs. With large pages for its heap it needs a third less time.
  char tunables[] = "GLIBC_TUNABLES=glibc.malloc.hugetlb=1";
  char* const environment[] = {tunables, nullptr};
  execve(arguments[0], arguments.data(), environment);
  Give(jail, "executing ", arguments[0]);
}

}  // namespace

Fd ReservePlaces(Fd socket) {
  constexpr int kEnd = kFirstPlace + static_cast<int>(kMaxDescriptors);
  Fd moved(fcntl(socket.get(), F_DUPFD_CLOEXEC, kEnd));
  const Fd null(fcntl(open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, kEnd));
  if (moved.get() < 0 || null.get() < 0) Fail("moving descriptors");
  for (int place = 0; place < kEnd; place++) {
    // Standard input and output are inherited by the programs.
    const int flags = place < kFirstPlace ? 0 : O_CLOEXEC;
    if (place != STDERR_FILENO && dup3(null.get(), place, flags) < 0) Fail("reserving descriptors");
  }
  // Its number is a reserved place now.
  (void)socket.Release();
  return moved;
}

pid_t StartInJail(const Jail& jail, Fd& pidfd) {
  int number = -1;
  clone_args args{};
  args.flags = CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  args.pidfd = reinterpret_cast<uintptr_t>(&number);
  args.exit_signal = SIGCHLD;
  if (jail.entrances.unified.get() >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(jail.entrances.unified.get());
  }
  const auto pid = static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof args));
  if (pid == 0) Become(jail);
  if (pid > 0) pidfd = Fd(number);
  return pid;
}

}  // namespace potemkin::launcher
