#include "launcher/groups.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

namespace potemkin::launcher {

namespace {

constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

// Whether it is gone.
bool RemoveFolder(const Fd& parent, const std::string& name) {
  return unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
}

void Write(const Fd& group, const Setting& setting) {
  const Fd file(openat(group.get(), setting.file.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0 || write(file.get(), setting.value.data(), setting.value.size()) < 0)
    Fail("setting " + setting.file + " to " + setting.value);
}

}  // namespace

void Groups::Add(const std::string& path, bool unified) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0)
    throw IoError("expected a control group's path, got " + path, EINVAL);
  Fd parent(open(path.substr(0, slash).c_str(), kFolder));
  if (parent.get() < 0) Fail("opening the folder of the control group " + path);
  Fd fd(openat(parent.get(), path.c_str() + slash + 1, kFolder));
  if (fd.get() < 0) Fail("opening the control group " + path);
  folders_.push_back({std::move(parent), path.substr(slash + 1), std::move(fd), unified});
}

Entrances Groups::Make(const std::string& name, const std::vector<Setting>& settings) {
  Entrances entrances;
  try {
    for (size_t i = 0; i < folders_.size(); i++) {
      const Folder& folder = folders_[i];
      if (mkdirat(folder.fd.get(), name.c_str(), 0755) != 0 && errno != EEXIST)
        Fail("making the control group " + name);
      Fd group(openat(folder.fd.get(), name.c_str(), kFolder));
      if (group.get() < 0) Fail("opening the control group " + name);
      for (const Setting& setting : settings)
        if (setting.group == i) Write(group, setting);
      if (folder.unified) {
        entrances.unified = std::move(group);
      } else {
        Fd tasks(openat(group.get(), "tasks", O_WRONLY | O_CLOEXEC));
        if (tasks.get() < 0) Fail("opening the tasks of the control group " + name);
        entrances.tasks.push_back(std::move(tasks));
      }
    }
  } catch (const IoError&) {
    Remove(name);
    throw;
  }
  return entrances;
}

void Groups::Remove(const std::string& name) {
  busy_.push_back(name);
  // The kernel may need a moment until a group whose processes were waited for is empty.
  std::erase_if(busy_, [this](const std::string& ended) {
    return std::all_of(folders_.begin(), folders_.end(),
                       [&](const Folder& folder) { return RemoveFolder(folder.fd, ended); });
  });
}

void Groups::Close() {
  for (int tries = 0; !busy_.empty() && tries < 100; tries++) {
    const std::string name = busy_.back();
    busy_.pop_back();
    Remove(name);
    if (!busy_.empty()) usleep(1000);
  }
  for (const Folder& folder : folders_) RemoveFolder(folder.parent, folder.name);
}

}  // namespace potemkin::launcher
