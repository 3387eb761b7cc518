// A capture is read.
FromDump($IN) -> counter :: Counter -> Discard;
