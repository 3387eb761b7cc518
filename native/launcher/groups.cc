#include "launcher/groups.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

namespace potemkin::launcher {

namespace {

constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

// The kernel may need a moment until a group whose processes were waited for is empty: how often to try, and
// how long to wait in between.
constexpr int kTries = 100;
constexpr useconds_t kMoment = 10'000;

std::string Name(uint32_t slot) {
  return "machine" + std::to_string(slot);
}

// Whether it is gone.
bool RemoveFolder(const Fd& parent, const std::string& name) {
  return unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
}

// Removes the folders in a folder.
void RemoveFolders(const Fd& parent) {
  DIR* const list = fdopendir(openat(parent.get(), ".", kFolder));
  if (list == nullptr) return;
  while (const dirent* entry = readdir(list))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') RemoveFolder(parent, entry->d_name);
  closedir(list);
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

Entrances Groups::Make(uint32_t slot, const std::vector<Setting>& settings) {
  for (const Setting& setting : settings)
    if (setting.group >= folders_.size())
      throw IoError("setting " + setting.file + " of control group " + std::to_string(setting.group) +
                        " of " + std::to_string(folders_.size()),
                    EINVAL);
  const std::string name = Name(slot);
  // What the machine before has left is this one's now.
  std::erase(busy_, slot);
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
    Remove(slot);
    throw;
  }
  return entrances;
}

void Groups::Remove(uint32_t slot) {
  busy_.push_back(slot);
  std::erase_if(busy_, [this](uint32_t ended) {
    return std::all_of(folders_.begin(), folders_.end(),
                       [name = Name(ended)](const Folder& folder) { return RemoveFolder(folder.fd, name); });
  });
}

void Groups::Clear() const {
  for (const Folder& folder : folders_) {
    for (int tries = 0; tries < kTries; tries++) {
      RemoveFolders(folder.fd);
      if (RemoveFolder(folder.parent, folder.name)) break;
      usleep(kMoment);
    }
  }
}

}  // namespace potemkin::launcher
