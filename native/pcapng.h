// The blocks of pcapng (draft-ietf-opsawg-pcapng).
#pragma once

#include "capturereader.h"

namespace potemkin {

// Reads one block, or skips what of it is in the chunk. kFull stands for "go on".
CaptureStatus readBlock(CaptureReader& in);

}  // namespace potemkin
