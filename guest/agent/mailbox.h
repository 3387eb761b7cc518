#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define FILES_SIZE 3884
#define FLAG_FINAL 1u

/**
 * One page of memory, by which the gateway gives the machine its identity. Little-endian; addresses are in
 * network byte order. src/farm/identity.ts writes it.
 */
struct mailbox {
  uint8_t magic[32];
  _Atomic uint32_t request; /**< Raised by the gateway when all the rest is in place. */
  _Atomic uint32_t answer;  /**< The request that was done last. */
  int32_t status;           /**< 0, or the errno of the step that failed. */
  uint32_t flags;
  uint32_t address;
  uint32_t gateway;
  uint8_t prefix;
  uint8_t zero;
  uint8_t mac[6];
  uint64_t seconds; /**< Since the epoch. */
  uint64_t nanoseconds;
  char hostname[64]; /**< NUL-terminated. */
  uint8_t entropy[64];
  uint32_t filesLength;
  uint8_t files[FILES_SIZE]; /**< One after the other: struct file, path without NUL, data. */
};
_Static_assert(sizeof(struct mailbox) == 4096, "a mailbox is one page");

struct file {
  uint16_t path;
  uint16_t mode;
  uint32_t data;
};
