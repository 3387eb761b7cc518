// Starts the processes of machines for the daemon, each in a jail, and ends them when the daemon ends.
//
//   potemkin-launcher PARENT FIRST-USER SLOTS [data=PATH | program=PATH | device=PATH | group=PATH |
//   unified=PATH]…
//
// Descriptor 3 is the daemon's socket (message.h). There are two processes. The server is the first process
// of a pid namespace that all machines are in, each in a namespace of its own below it: when it ends, in
// whatever way, the kernel kills all of them, whatever they have done to themselves. The guard, its parent,
// is what the daemon started: it watches over the server and ends with it.
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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

// How long the server may take to end by itself when the daemon has died.
constexpr timespec kGrace{0, 500'000'000};

struct Options {
  pid_t parent = 0;
  Users users{};
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
  if (count < 4) throw IoError("expected PARENT FIRST-USER SLOTS", EINVAL);
  Options options;
  options.parent = static_cast<pid_t>(Number(words[1]));
  options.users = {Number(words[2]), Number(words[3])};
  const uint64_t end = uint64_t{options.users.first} + options.users.slots;
  if (options.users.first == 0 || end > INT32_MAX) throw IoError("users outside of 1 to 2147483647", EINVAL);
  for (int i = 4; i < count; i++) {
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

int Serve(Options& options, Fd socket) {
  prctl(PR_SET_NAME, "potemkin-server");
  // Should the guard alone be killed. If that was before this call, the daemon sees it end and closes the
  // socket.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) Fail("tying the server to its guard");
  Fd hostProcess(open("/proc/self/fdinfo", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (hostProcess.get() < 0) Fail("opening /proc/self/fdinfo");
  if (unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0) Fail("making namespaces");
  if (sethostname("machine", 7) != 0) Fail("setting the host name");
  EnterRoot(options.shown);
  Server(std::move(socket), std::move(hostProcess), options.users, std::move(options.groups)).Run();
  return 0;
}

// Waits for the server, and not for long once the daemon has died.
int Guard(pid_t server, const sigset_t& signals) {
  while (sigwaitinfo(&signals, nullptr) != SIGCHLD) {
    sigset_t ended;
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    if (sigtimedwait(&ended, nullptr, &kGrace) == SIGCHLD) break;
    kill(server, SIGKILL);
  }
  int status = 0;
  while (waitpid(server, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int Run(int count, char** words) {
  Fd socket = ReservePlaces(Fd(kFirstPlace));
  Options options = ReadOptions(count, words);
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  // Signals from the daemon's terminal are for the daemon.
  setsid();
  sigset_t signals;
  sigset_t before;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGCHLD);
  if (sigprocmask(SIG_BLOCK, &signals, &before) != 0) Fail("blocking signals");
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) Fail("tying the guard to the daemon");
  if (getppid() != options.parent) throw IoError("the daemon ended", ESRCH);

  clone_args args{};
  args.flags = CLONE_NEWPID;
  args.exit_signal = SIGCHLD;
  const auto server = static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof args));
  if (server < 0) Fail("making a pid namespace");
  if (server == 0) {
    sigprocmask(SIG_SETMASK, &before, nullptr);
    // Not exit: what is to be flushed or destroyed is the guard's.
    _exit(Try([&] { return Serve(options, std::move(socket)); }));
  }
  // Only the server may keep the socket open.
  socket = Fd();
  return Guard(server, signals);
}

}  // namespace

int main(int count, char** words) {
  return Try([&] { return Run(count, words); });
}
