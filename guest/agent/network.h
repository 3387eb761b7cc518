#pragma once

#include <stdint.h>

/** Opens what the others need, and notes the address that the interface has. Returns 0 or an errno. */
int openNetwork(const char* interface);

/**
 * Gives the interface a MAC and an address in place of the ones it has, and a route to everywhere by the
 * gateway, whose MAC is 02:00:00:00:00:01. Returns 0 or the errno of the part that failed.
 */
int moveTo(const uint8_t mac[6], uint32_t address, uint8_t prefix, uint32_t gateway);

/** Announces the address on the wire, once, as machines do that came up: gratuitous ARP (RFC 5227, 3). */
int announce(const uint8_t mac[6], uint32_t address);

void closeNetwork(void);
