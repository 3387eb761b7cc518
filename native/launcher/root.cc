#include "launcher/root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fd.h"

namespace potemkin::launcher {

namespace {

constexpr uint64_t kProgram = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
constexpr uint64_t kData = kProgram | MOUNT_ATTR_NOEXEC;
constexpr uint64_t kDevices = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;

// A file or folder of the host's that is about to be shown.
struct Tree {
  std::string path;
  Fd mount;
};

struct Node {
  std::string path;
  dev_t device;
};

void SetAttributes(int fd, const char* path, uint64_t attributes) {
  mount_attr attr{};
  attr.attr_set = attributes;
  if (mount_setattr(fd, path, AT_EMPTY_PATH, &attr, sizeof attr) != 0)
    Fail(std::string("protecting the mount ") + path);
}

void Take(const std::vector<std::string>& paths, uint64_t attributes, std::vector<Tree>& trees) {
  for (const std::string& path : paths) {
    Fd mount(open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    if (mount.get() < 0 && errno == ENOENT) continue;
    if (mount.get() < 0) Fail("taking " + path);
    SetAttributes(mount.get(), "", attributes);
    trees.push_back({path, std::move(mount)});
  }
}

std::vector<Node> Nodes(const std::vector<std::string>& paths) {
  std::vector<Node> nodes;
  for (const std::string& path : paths) {
    struct stat status;
    if (stat(path.c_str(), &status) != 0) Fail("looking for " + path);
    if (!S_ISCHR(status.st_mode)) throw IoError(path + " is no character device", ENODEV);
    nodes.push_back({path, status.st_rdev});
  }
  return nodes;
}

void MakeFolder(const std::string& path) {
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) Fail("making the folder " + path);
}

void MakeFoldersAbove(const std::string& path) {
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1))
    MakeFolder(path.substr(0, at));
}

void Show(const Tree& tree) {
  struct stat status;
  if (fstat(tree.mount.get(), &status) != 0) Fail("looking at " + tree.path);
  MakeFoldersAbove(tree.path);
  if (S_ISDIR(status.st_mode)) {
    MakeFolder(tree.path);
  } else if (const Fd file(open(tree.path.c_str(), O_CREAT | O_RDONLY | O_CLOEXEC, 0444)); file.get() < 0) {
    Fail("making the file " + tree.path);
  }
  if (move_mount(tree.mount.get(), "", AT_FDCWD, tree.path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0)
    Fail("showing " + tree.path);
}

void MountMemory(const char* path, unsigned long flags) {
  if (mount("potemkin", path, "tmpfs", flags, "mode=0755,size=1m") != 0)
    Fail(std::string("mounting a tmpfs on ") + path);
}

}  // namespace

void EnterRoot(const Shown& shown) {
  if (unshare(CLONE_NEWNS) != 0) Fail("making a mount namespace");
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) Fail("parting from the host's mounts");
  // All are taken before anything hides them.
  std::vector<Tree> trees;
  Take(shown.data, kData, trees);
  Take(shown.programs, kProgram, trees);
  const std::vector<Node> nodes = Nodes(shown.devices);

  MountMemory("/tmp", MS_NOSUID | MS_NODEV | MS_NOEXEC);
  if (chdir("/tmp") != 0) Fail("entering the new root");
  // With one folder for both, the old root lies on top of the new one until it is unmounted: pivot_root(2).
  if (syscall(SYS_pivot_root, ".", ".") != 0) Fail("changing the root");
  if (umount2(".", MNT_DETACH) != 0) Fail("leaving the host's root");
  // A process whose root is not that of its mount namespace may make no user namespace, in which it would
  // have all capabilities: user_namespaces(7). Without capabilities it cannot leave it either.
  const Fd top(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  MakeFolder("/machine");
  if (top.get() < 0 || chroot("/machine") != 0 || chdir("/") != 0) Fail("entering the new root");

  umask(0);
  MakeFolder("/proc");
  MakeFolder("/dev");
  MountMemory("/dev", MS_NOSUID | MS_NOEXEC);
  for (const Node& node : nodes) {
    MakeFoldersAbove(node.path);
    if (mknod(node.path.c_str(), S_IFCHR | 0666, node.device) != 0) Fail("making the device " + node.path);
  }
  for (const Tree& tree : trees) Show(tree);
  SetAttributes(AT_FDCWD, "/dev", kDevices);
  SetAttributes(top.get(), "", kData);
}

bool MountProc() {
  constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (mount("proc", "/proc", "proc", kFlags, "subset=pid") != 0) return false;
  {
    // Should memory be short, the kernel is to end a machine and not the daemon.
    const Fd score(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    if (score.get() < 0 || write(score.get(), "500", 3) != 3) return false;
  }
  return mount(nullptr, "/proc", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kFlags, nullptr) == 0;
}

}  // namespace potemkin::launcher
