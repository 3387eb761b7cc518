// The file system that machines see: a few folders and files of the host's, read-only, and nothing else.
#pragma once

#include <string>
#include <vector>

namespace potemkin::launcher {

struct Shown {
  std::vector<std::string> data;      // files and folders that may be read
  std::vector<std::string> programs;  // that may be read and executed: programs and libraries
  std::vector<std::string> devices;   // device nodes that anybody may open
};

// Moves the calling process into a mount namespace of its own and a file system in memory, with what is shown
// at the same paths, nothing in it writable, and an empty /proc. Paths that the host does not have are left
// out. Throws IoError.
void EnterRoot(const Shown& shown);

// Mounts a read-only /proc on it that shows the processes of the calling process's pid namespace, and no
// more. Returns false with errno.
bool MountProc();

}  // namespace potemkin::launcher
