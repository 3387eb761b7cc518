// A day of what comes to a /16 that nobody uses, as a router would send it: a capture (pcap) of GRE.
//
//   telescope PACKETS SECONDS FILE
//
// FILE may be a named pipe, so that nothing is stored. The same numbers give the same bytes. The rate goes up
// and down twice, by three tenths, so that halves of the day can be compared. Times are rounded to 50 ms.
//
//   85 of 100  scans: 128 sources at a time, each with one protocol and port; some go from address to
//              address, some jump. How many packets a source sends follows a Pareto distribution, so that
//              few send most. One packet in ten repeats the one before.
//   15         backscatter: SYN/ACK and RST of victims of others
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  kScanners = 128,
  kMostPackets = 65536,
  kRecord = 16,
  kEthernet = 14,
  kOuter = 24,
  kIp = 20,
  kPipe = 1 << 20,
};

static const double kTick = 0.05, kSwing = 0.3, kBegin = 1.1e9, kPi = 3.14159265358979;
static const uint32_t kNetwork = 0x0a010000;

struct Scanner {
  uint32_t source, target, step, left;
  uint16_t sport, dport;
  uint8_t proto;
};

static uint64_t state = 20050101;

// xorshift64* (Marsaglia 2003, Vigna 2016).
static uint32_t draw(void) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (uint32_t)((state * 0x2545f4914f6cdd1dull) >> 32);
}

static uint32_t below(uint32_t limit) {
  return (uint32_t)(((uint64_t)draw() * limit) >> 32);
}

static uint32_t drawSource(void) {
  for (;;) {
    const uint32_t source = draw(), net = source >> 24;
    if (net >= 1 && net < 224 && net != 10 && net != 127) return source;
  }
}

static void put16(uint8_t* at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void put32(uint8_t* at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value & 0xffff);
}

static uint32_t sum(const uint8_t* at, uint32_t bytes, uint32_t start) {
  for (uint32_t i = 0; i + 1 < bytes; i += 2) start += (uint32_t)at[i] << 8 | at[i + 1];
  return start;
}

static uint16_t checksum(uint32_t value) {
  value = (value & 0xffff) + (value >> 16);
  value = (value & 0xffff) + (value >> 16);
  return (uint16_t)~value;
}

static void writeIp(uint8_t* at, uint32_t length, uint8_t proto, uint32_t source, uint32_t target) {
  memset(at, 0, kIp);
  put16(at, 0x4500);
  put16(at + 2, length);
  put16(at + 6, 0x4000);
  at[8] = 52;
  at[9] = proto;
  put32(at + 12, source);
  put32(at + 16, target);
  put16(at + 10, checksum(sum(at, kIp, 0)));
}

struct Packet {
  uint32_t source, target;
  uint16_t sport, dport;
  uint8_t proto, flags;
};

// Writes a record; returns its bytes. All bodies have an even number of them.
static uint32_t writeRecord(uint8_t* at, const struct Packet* packet, double time) {
  const uint32_t bytes = packet->proto == 6 ? 20 : packet->proto == 17 ? 26 : 8;
  const uint32_t inner = kIp + bytes, length = kEthernet + kOuter + inner;
  const uint32_t head[4] = {(uint32_t)time, (uint32_t)((time - floor(time)) * 1e6 + 0.5), length, length};
  memcpy(at, head, sizeof head);
  static const uint8_t kFrame[kEthernet] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
  memcpy(at + kRecord, kFrame, sizeof kFrame);
  uint8_t* outer = at + kRecord + kEthernet;
  writeIp(outer, kOuter + inner, 47, 0xc0000201, 0xc0000202);
  put32(outer + kIp, 0x0800);
  uint8_t* ip = outer + kOuter;
  writeIp(ip, inner, packet->proto, packet->source, packet->target);
  uint8_t* body = ip + kIp;
  memset(body, 0, bytes);
  if (packet->proto == 1) {
    body[0] = 8;
    put16(body + 4, packet->sport);
    put16(body + 2, checksum(sum(body, bytes, 0)));
  } else {
    put16(body, packet->sport);
    put16(body + 2, packet->dport);
    if (packet->proto == 6) {
      put32(body + 4, packet->source ^ packet->target);
      put16(body + 12, 0x5000u | packet->flags);
      put16(body + 14, 0xffff);
    } else {
      put16(body + 4, bytes);
    }
    const uint16_t check = checksum(sum(body, bytes, sum(ip + 12, 8, packet->proto + bytes)));
    put16(body + (packet->proto == 6 ? 16 : 6), check == 0 ? 0xffff : check);
  }
  return kRecord + length;
}

static void begin(struct Scanner* scanner) {
  static const uint16_t kTcp[] = {23, 22, 445, 80, 8080, 3389, 2323, 5555, 1433, 443, 7};
  static const uint16_t kUdp[] = {53, 123, 1900, 5060, 161, 7};
  const uint32_t kind = below(100);
  scanner->source = drawSource();
  scanner->proto = kind < 80 ? 6 : kind < 95 ? 17 : 1;
  scanner->dport = kind < 80 ? kTcp[below(11)] : kind < 95 ? kUdp[below(6)] : 0;
  scanner->target = below(1 << 16);
  scanner->step = below(2) == 0 ? 1 : draw() | 1;
  const double packets = 40 * pow((draw() + 1.0) / 4294967297.0, -1 / 1.1);
  scanner->left = packets < kMostPackets ? (uint32_t)packets : kMostPackets;
  scanner->sport = (uint16_t)(1024 + below(64000));
}

static struct Packet next(struct Scanner* scanners) {
  const uint32_t kind = below(100);
  const uint32_t anywhere = kNetwork | below(1 << 16);
  const uint16_t port = (uint16_t)(1024 + below(64000));
  if (kind < 15) {
    const uint16_t from = below(2) == 0 ? 80 : 443;
    return (struct Packet){drawSource(), anywhere, from, port, 6, below(3) == 0 ? 0x04 : 0x12};
  }
  struct Scanner* one = &scanners[below(kScanners)];
  if (one->left == 0) begin(one);
  one->left--;
  if (below(10) != 0) {
    one->target = (one->target + one->step) & 0xffff;
    one->sport = one->sport == 65535 ? 1024 : (uint16_t)(one->sport + 1);
  }
  return (struct Packet){one->source, kNetwork | one->target, one->sport, one->dport, one->proto, 0x02};
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: telescope PACKETS SECONDS FILE\n");
    return 2;
  }
  const double packets = atof(argv[1]), seconds = atof(argv[2]);
  FILE* out = fopen(argv[3], "wb");
  if (!out) {
    perror(argv[3]);
    return 1;
  }
  // A regular file refuses, and needs no pipe.
  fcntl(fileno(out), F_SETPIPE_SZ, kPipe);
  setvbuf(out, NULL, _IOFBF, kPipe);
  const uint32_t header[6] = {0xa1b2c3d4, 4u << 16 | 2, 0, 0, 65535, 1};
  fwrite(header, sizeof header, 1, out);
  static struct Scanner scanners[kScanners];
  uint8_t record[128];
  double sent = 0;
  for (double tick = 0; sent < packets && !ferror(out); tick++) {
    const double end = (tick + 1) * kTick / seconds;
    const double due = packets * (end + kSwing * (1 - cos(4 * kPi * end)) / (4 * kPi));
    for (; sent < due && sent < packets; sent++) {
      const struct Packet packet = next(scanners);
      fwrite(record, writeRecord(record, &packet, kBegin + tick * kTick), 1, out);
    }
  }
  if (fclose(out) != 0) {
    perror(argv[3]);
    return 1;
  }
  return 0;
}
