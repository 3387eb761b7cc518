// The way of a packet from the tunnel up to where a clone would take it.
FromDump($IN) -> GreDecap -> CheckIPHeader -> [outside] flows :: FlowTable(FLOWS $FLOWS);
Idle -> [inside] flows;

flows[known] -> scans :: ScanFilter(SCANS $FLOWS);
flows[new] -> scans;
scans[pass] -> counter :: Counter -> Take -> Discard;

flows[stray] -> Discard;
flows[inside] -> Discard;
scans[scan] -> Discard;
