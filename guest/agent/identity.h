#pragma once

#include "mailbox.h"

/** Opens what a request needs. Returns 0 or an errno. */
int openIdentity(void);

/** Becomes what the mailbox says, but for the announcement. Returns 0 or the errno of the first step that
 * failed. */
int assume(const struct mailbox* box);

/** Leaves nothing open. */
void closeIdentity(void);
