// Starts the processes of machines for the daemon, each in a jail, and ends them when the daemon ends.
//
//   potemkin-launcher PARENT SLOTS [data=PATH | program=PATH | device=PATH | group=PATH | unified=PATH]…
//
// Descriptor 3 is the daemon's socket (message.h). There are two processes. The server is the first process
// of a pid namespace that all machines are in, each in a namespace of its own below it: when it ends, in
// whatever way, the kernel kills all of them, whatever they have done to themselves. The guard, its parent,
// is what the daemon started: it ends the server when the daemon has ended, clears up behind it, and ends
// with it.
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "launcher/jail.h"
#include "launcher/root.h"
#include "launcher/server.h"

namespace {

using namespace potemkin;
using namespace potemkin::launcher;

// What the guard is sent when the daemon's thread that started it has ended. Not a signal that others send: a
// service manager that ends all processes of a service tells the guard too, and the daemon is to end first.
constexpr int kDaemonEnded = SIGUSR1;

// How long the server may take to end by itself then.
constexpr timespec kGrace{3, 0};

// Users of machines: above all that distributions and systemd give away (systemd's UIDS-GIDS). Launchers that
// run at the same time have different pids, so unless those are a multiple of kRanges apart no two machines
// of a host share a user, and with it the kernel's accounts of it.
constexpr uint32_t kFirstUser = 0x70000000;
constexpr uint32_t kUsers = 1 << 15;
constexpr uint32_t kRanges = 1 << 12;

// Descriptors that the server has for each machine, and for all else.
constexpr rlim_t kFilesEach = 3;
constexpr rlim_t kFilesMore = 512;

struct Options {
  pid_t parent = 0;
  uint32_t slots = 0;
  Shown shown;
  Groups groups;
};

uint32_t Number(const char* text) {
  char* end = nullptr;
  const unsigned long value = std::strtoul(text, &end, 10);
  if (end == text || *end != 0 || value > UINT32_MAX)
    throw IoError(std::string("expected a number, got ") + text, EINVAL);
  return static_cast<uint32_t>(value);
}

Options ReadOptions(int count, char** words) {
  if (count < 3) throw IoError("expected PARENT SLOTS", EINVAL);
  Options options;
  options.parent = static_cast<pid_t>(Number(words[1]));
  options.slots = Number(words[2]);
  if (options.slots > kUsers)
    throw IoError("expected at most " + std::to_string(kUsers) + " slots, got " + words[2], EINVAL);
  for (int i = 3; i < count; i++) {
    const std::string_view word(words[i]);
    const size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const std::string path(equals == std::string_view::npos ? "" : word.substr(equals + 1));
    if (!path.starts_with('/')) throw IoError(std::string("expected NAME=/PATH, got ") + words[i], EINVAL);
    if (name == "data") {
      options.shown.data.push_back(path);
    } else if (name == "program") {
      options.shown.programs.push_back(path);
    } else if (name == "device") {
      options.shown.devices.push_back(path);
    } else if (name == "group" || name == "unified") {
      options.groups.Add(path, name == "unified");
    } else {
      throw IoError(std::string("there is no option ") + words[i], EINVAL);
    }
  }
  return options;
}

// Runs a step and says on standard error why it failed. Returns the status to exit with.
template <typename Function>
int Try(Function&& function) {
  try {
    return function();
  } catch (const IoError& error) {
    std::fprintf(stderr, "%s: %s\n", error.what(), std::strerror(error.number));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  return 1;
}

int Serve(Options& options, Users users, Fd socket) {
  prctl(PR_SET_NAME, "potemkin-server");
  // Should the guard alone be killed. If that was before this call, the daemon sees it end and closes the
  // socket.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) Fail("tying the server to its guard");
  Fd hostProcess(open("/proc/self/fdinfo", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (hostProcess.get() < 0) Fail("opening /proc/self/fdinfo");
  if (unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0) Fail("making namespaces");
  if (sethostname("machine", 7) != 0) Fail("setting the host name");
  EnterRoot(options.shown);
  Server(std::move(socket), std::move(hostProcess), users, std::move(options.groups)).Run();
  return 0;
}

// Waits for the server, and not for long once the daemon has ended. Returns the status to exit with.
int Guard(pid_t server, const sigset_t& signals) {
  int status = 0;
  for (const timespec* patience = nullptr; waitpid(server, &status, WNOHANG) == 0;) {
    const int signal = sigtimedwait(&signals, nullptr, patience);
    if (signal == kDaemonEnded) {
      patience = &kGrace;
    } else if (signal < 0 && errno == EAGAIN) {
      kill(server, SIGKILL);
    }
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

// Makes room for the descriptors of all machines.
void RaiseFiles(uint32_t slots) {
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) Fail("asking for the limit of open files");
  const rlim_t needed = kFilesMore + kFilesEach * slots;
  files.rlim_cur = files.rlim_max = std::max(files.rlim_max, needed);
  if (setrlimit(RLIMIT_NOFILE, &files) != 0)
    Fail("raising the limit of open files to " + std::to_string(needed));
}

int Run(int count, char** words) {
  Fd socket = ReservePlaces(Fd(kFirstPlace));
  Options options = ReadOptions(count, words);
  RaiseFiles(options.slots);
  // Signals from the daemon's terminal are for the daemon.
  setsid();
  sigset_t signals;
  sigset_t before;
  sigemptyset(&signals);
  for (const int signal : {kDaemonEnded, SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  if (sigprocmask(SIG_BLOCK, &signals, &before) != 0) Fail("blocking signals");
  if (prctl(PR_SET_PDEATHSIG, kDaemonEnded) != 0) Fail("tying the guard to the daemon");
  if (getppid() != options.parent) throw IoError("the daemon ended", ESRCH);

  const Users users{kFirstUser + static_cast<uint32_t>(getpid()) % kRanges * kUsers, options.slots};
  clone_args args{};
  args.flags = CLONE_NEWPID;
  args.exit_signal = SIGCHLD;
  const auto server = static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof args));
  if (server < 0) Fail("making a pid namespace");
  if (server == 0) {
    sigprocmask(SIG_SETMASK, &before, nullptr);
    // Not exit: what is to be flushed or destroyed is the guard's.
    _exit(Try([&] { return Serve(options, users, std::move(socket)); }));
  }
  // Only the server may keep the socket open.
  socket = Fd();
  const int status = Guard(server, signals);
  options.groups.Clear();
  return status;
}

}  // namespace

int main(int count, char** words) {
  return Try([&] { return Run(count, words); });
}
