// The way in of config/farm.click, from the tunnel up to the Dispatcher and with it.
define($TELESCOPE 10.1.0.0/16);

flows    :: FlowTable(FLOWS $FLOWS);
scans    :: ScanFilter(SCANS $FLOWS);
universe :: UniverseTagger;
bind     :: Dispatcher(MAP ../../config/addresses.map);
ours     :: IPFilter(allow dst net $TELESCOPE && not src net $TELESCOPE);
counter  :: Counter;

FromDump($IN) -> GreDecap -> CheckIPHeader -> ours -> ClampMSS -> [outside] flows;
Idle -> [inside] flows;
flows[known] -> counter;
flows[new] -> scans -> universe -> bind -> counter;
flows[stray] -> Discard;
flows[inside] -> Discard;
scans[scan] -> Discard;
counter -> Take -> Discard;
