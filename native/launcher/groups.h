// Control groups of machines: one group a machine in each hierarchy that the daemon has prepared. Which
// hierarchies, files and values is the daemon's to decide (src/farm/qemu/cgroups.ts); here they are made,
// entered and removed, so that they go even when the daemon has died.
//
// The group of a machine is named for its slot.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fd.h"
#include "launcher/message.h"

namespace potemkin::launcher {

// A machine's open groups, for as long as it takes to start it.
struct Entrances {
  Fd unified;             // folder of the group of version 2, for clone3; -1 if there is none
  std::vector<Fd> tasks;  // of version 1: files to which the process writes itself
};

class Groups {
 public:
  // A folder in which groups are made, of version 2 if `unified`. Throws IoError.
  void Add(const std::string& path, bool unified);

  // Makes the groups of a machine and limits them. Throws IoError and leaves no group.
  Entrances Make(uint32_t slot, const std::vector<Setting>& settings);

  // Removes the groups of a machine whose processes have ended.
  void Remove(uint32_t slot);

  // Removes the groups of all machines, whose processes have ended, and the folders that they are in.
  void Clear() const;

 private:
  struct Folder {
    Fd parent;  // the folder that holds it
    std::string name;
    Fd fd;
    bool unified;
  };

  std::vector<Folder> folders_;
  std::vector<uint32_t> busy_;  // of machines that ended, still to be removed
};

}  // namespace potemkin::launcher
