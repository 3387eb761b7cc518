// What a packet that would open a flow passes before the farm: flow table and scan filter, and then its universe and image.
flows :: FlowTable(FLOWS $FLOWS);
FromDump($IN) -> GreDecap -> CheckIPHeader -> [outside] flows;
Idle -> [inside] flows;

flows[known] -> counter :: Counter -> Take -> Discard;
flows[new] -> scans :: ScanFilter(SCANS $FLOWS);
scans[pass] -> UniverseTagger -> Dispatcher(MAP ../../config/addresses.map) -> counter;
scans[scan] -> Discard;
flows[stray] -> Discard;
flows[inside] -> Discard;
