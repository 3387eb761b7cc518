// … and taken out of the tunnel.
FromDump($IN) -> GreDecap -> counter :: Counter -> Discard;
