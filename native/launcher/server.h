// The launcher's loop: requests in, machines started, watched and killed, replies out.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "fd.h"
#include "launcher/groups.h"
#include "launcher/message.h"

namespace potemkin::launcher {

struct Users {
  uint32_t first;  // user and group of slot 0
  uint32_t slots;
};

class Server {
 public:
  // `hostProcess`: the folder /proc/self/fdinfo of the daemon's pid namespace.
  Server(Fd socket, Fd hostProcess, Users users, Groups groups);

  // Serves until the daemon closes the socket. Throws IoError and ProtocolError. What is left of the machines
  // is to end with this process, which is the first one of their pid namespace.
  void Run();

 private:
  struct Machine {
    Machine(uint32_t id, Fd pidfd, Fd status, Fd errors)
        : id(id), pidfd(std::move(pidfd)), status(std::move(status)), errors(std::move(errors)) {}

    uint32_t id;
    Fd pidfd;
    Fd status;  // of the launch: at its end the program runs, unless it said what failed
    Fd errors;  // standard error
    std::string failure;
    std::string lastWords;
    bool started = false;
  };

  void Receive();
  void Serve(const Launch& launch);
  void Serve(const Kill& kill);
  void Start(const Launch& launch, const std::vector<Fd>& descriptors);
  std::vector<Fd> TakeDescriptors(uint32_t count);
  void Watch(int fd, uint32_t events, uint32_t slot, uint32_t what);
  void Handle(uint32_t slot, uint32_t what);
  int Patience() const;
  void Wake();
  bool ReadStatus(Machine& machine);
  bool ReadErrors(Machine& machine);
  void End(uint32_t slot, Machine& machine);
  uint32_t HostPid(const Machine& machine) const;
  void Send();

  Fd socket_;
  Fd hostProcess_;
  Users users_;
  Groups groups_;
  Fd epoll_;
  Inbox inbox_;
  std::vector<Fd> received_;                        // descriptors not taken by a launch yet
  std::unordered_map<uint32_t, Machine> machines_;  // by slot
  std::vector<uint32_t> resting_;                   // slots whose standard error is left alone until
  std::chrono::steady_clock::time_point wakeAt_;    // then
  std::string replies_;                             // not sent yet
  bool open_ = true;
};

}  // namespace potemkin::launcher
