#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint8_t GATEWAY_MAC[6] = {0x02, 0, 0, 0, 0, 0x01};

static int routes = -1;
static struct sockaddr_ll wire;
static int frames = -1;
static uint32_t currentAddress;
static uint8_t currentPrefix;

/** Requests to the kernel that go out in one piece. */
static struct {
  _Alignas(NLMSG_ALIGNTO) uint8_t bytes[512];
  size_t used;
  struct nlmsghdr* message;
} batch;

static void* append(size_t size) {
  void* at = batch.bytes + batch.used;
  batch.used += NLMSG_ALIGN(size);
  return at;
}

/** Begins a request with its body, which is all zeros. */
static void* begin(uint16_t type, uint16_t flags, size_t body) {
  batch.message = append(NLMSG_HDRLEN);
  batch.message->nlmsg_type = type;
  batch.message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
  return append(body);
}

static void attribute(uint16_t type, const void* value, size_t size) {
  struct rtattr* header = append(RTA_LENGTH(size));
  header->rta_type = type;
  header->rta_len = (uint16_t)RTA_LENGTH(size);
  memcpy(RTA_DATA(header), value, size);
}

static void end(void) {
  batch.message->nlmsg_len = (uint32_t)(batch.bytes + batch.used - (uint8_t*)batch.message);
}

static void addressRequest(uint16_t type, uint16_t flags, uint32_t address, uint8_t prefix) {
  struct ifaddrmsg* body = begin(type, flags, sizeof *body);
  body->ifa_family = AF_INET;
  body->ifa_prefixlen = prefix;
  body->ifa_index = (uint32_t)wire.sll_ifindex;
  attribute(IFA_LOCAL, &address, sizeof address);
  if (type == RTM_NEWADDR) {
    uint32_t broadcast = address | (prefix == 0 ? ~0u : ~htonl(~0u << (32 - prefix)));
    attribute(IFA_ADDRESS, &address, sizeof address);
    if (prefix < 31) attribute(IFA_BROADCAST, &broadcast, sizeof broadcast);
  }
  end();
}

static void macRequest(const uint8_t mac[6]) {
  struct ifinfomsg* body = begin(RTM_SETLINK, 0, sizeof *body);
  body->ifi_index = wire.sll_ifindex;
  attribute(IFLA_ADDRESS, mac, 6);
  end();
}

static void neighbourRequest(uint32_t address, const uint8_t mac[6]) {
  struct ndmsg* body = begin(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sizeof *body);
  body->ndm_family = AF_INET;
  body->ndm_ifindex = wire.sll_ifindex;
  body->ndm_state = NUD_PERMANENT;
  attribute(NDA_DST, &address, sizeof address);
  attribute(NDA_LLADDR, mac, 6);
  end();
}

/** The gateway is reached by the wire, whether it is in the prefix or not. */
static void routeRequest(uint32_t gateway) {
  struct rtmsg* body = begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof *body);
  body->rtm_family = AF_INET;
  body->rtm_table = RT_TABLE_MAIN;
  body->rtm_protocol = RTPROT_BOOT;
  body->rtm_scope = RT_SCOPE_UNIVERSE;
  body->rtm_type = RTN_UNICAST;
  body->rtm_flags = RTNH_F_ONLINK;
  attribute(RTA_GATEWAY, &gateway, sizeof gateway);
  attribute(RTA_OIF, &wire.sll_ifindex, sizeof wire.sll_ifindex);
  end();
}

/** Sends the batch. The kernel has done all of it when send returns, and says only what failed. */
static int commit(void) {
  if (send(routes, batch.bytes, batch.used, 0) < 0) return errno;
  int failure = 0;
  for (;;) {
    _Alignas(NLMSG_ALIGNTO) uint8_t answer[1024];
    ssize_t size = recv(routes, answer, sizeof answer, MSG_DONTWAIT);
    if (size < 0) return failure ? failure : errno == EAGAIN ? 0 : errno;
    const struct nlmsghdr* message = (const struct nlmsghdr*)answer;
    const struct nlmsgerr* error = NLMSG_DATA(message);
    int known = size >= (ssize_t)NLMSG_LENGTH(sizeof *error) && message->nlmsg_type == NLMSG_ERROR;
    if (failure == 0) failure = known ? -error->error : EPROTO;
  }
}

int moveTo(const uint8_t mac[6], uint32_t address, uint8_t prefix, uint32_t gateway) {
  if (prefix > 32) return EINVAL;
  memset(&batch, 0, sizeof batch);
  // The last address takes all routes and neighbours with it.
  if (currentAddress) addressRequest(RTM_DELADDR, 0, currentAddress, currentPrefix);
  macRequest(mac);
  addressRequest(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address, prefix);
  if (gateway) {
    neighbourRequest(gateway, GATEWAY_MAC);
    routeRequest(gateway);
  }
  int failure = commit();
  if (failure) return failure;
  currentAddress = address;
  currentPrefix = prefix;
  return 0;
}

int announce(const uint8_t mac[6], uint32_t address) {
  struct {
    struct ether_header ethernet;
    struct ether_arp arp;
  } frame = {0};
  memset(frame.ethernet.ether_dhost, 0xff, 6);
  memcpy(frame.ethernet.ether_shost, mac, 6);
  frame.ethernet.ether_type = htons(ETHERTYPE_ARP);
  frame.arp.arp_hrd = htons(ARPHRD_ETHER);
  frame.arp.arp_pro = htons(ETHERTYPE_IP);
  frame.arp.arp_hln = 6;
  frame.arp.arp_pln = 4;
  frame.arp.arp_op = htons(ARPOP_REQUEST);
  memcpy(frame.arp.arp_sha, mac, 6);
  memcpy(frame.arp.arp_spa, &address, 4);
  memcpy(frame.arp.arp_tpa, &address, 4);
  return sendto(frames, &frame, sizeof frame, 0, (const struct sockaddr*)&wire, sizeof wire) < 0 ? errno : 0;
}

/** The address that the interface has now, if any. */
static int look(const char* interface) {
  struct ifreq request = {0};
  strncpy(request.ifr_name, interface, sizeof request.ifr_name - 1);
  struct sockaddr_in answer;
  int socketOfIp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socketOfIp < 0) return errno;
  if (ioctl(socketOfIp, SIOCGIFADDR, &request) == 0) {
    memcpy(&answer, &request.ifr_addr, sizeof answer);
    currentAddress = answer.sin_addr.s_addr;
    if (ioctl(socketOfIp, SIOCGIFNETMASK, &request) == 0) {
      memcpy(&answer, &request.ifr_netmask, sizeof answer);
      currentPrefix = (uint8_t)__builtin_popcount(answer.sin_addr.s_addr);
    }
  }
  close(socketOfIp);
  return 0;
}

int openNetwork(const char* interface) {
  wire.sll_family = AF_PACKET;
  wire.sll_ifindex = (int)if_nametoindex(interface);
  if (wire.sll_ifindex == 0) return errno;
  wire.sll_halen = 6;
  // Protocol 0: it takes no frame in.
  frames = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  routes = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (frames < 0 || routes < 0) return errno;
  return look(interface);
}

void closeNetwork(void) {
  close(frames);
  close(routes);
}
