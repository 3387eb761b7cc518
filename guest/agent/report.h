#pragma once

/** Opens a serial port as a line of plain bytes. Returns its descriptor, or -1 with errno. */
int openSerial(const char* path);

/** Waits on the port for lines for ever, and answers `report` with what listens and what runs. */
_Noreturn void serveReports(int port);
