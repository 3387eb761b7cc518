// What a process does to itself between its birth and the program that it becomes.
#pragma once

#include <sys/types.h>

#include <vector>

#include "fd.h"
#include "launcher/groups.h"
#include "launcher/message.h"

namespace potemkin::launcher {

// Descriptors of a launch get this number and the following ones.
inline constexpr int kFirstPlace = 3;

// Moves the launcher's socket out of the places that descriptors of a launch will get, and occupies these, so
// that nothing that the launcher opens later is in the way. To be called before anything is opened.
Fd ReservePlaces(Fd socket);

// All are the launcher's; the new process has copies.
struct Jail {
  const Launch& launch;
  uid_t user;                          // and group
  const std::vector<Fd>& descriptors;  // become 3, 4, 5 …
  const Entrances& entrances;
  const Fd& status;  // gets what failed, as text; is closed by the program's start
  const Fd& errors;  // becomes standard error
};

// Starts the program in a jail. Returns the pid as the launcher sees it and sets pidfd, or returns -1 with
// errno. The calling process must have one thread.
pid_t StartInJail(const Jail& jail, Fd& pidfd);

}  // namespace potemkin::launcher
