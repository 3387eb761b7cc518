// What a packet passes on its way from the tunnel to the farm, as in config/farm.click; Counter and Take are in the farm's place.
define($METHOD RING, $BUFFER 32M);

tunnel :: GreTunnel(LOCAL 192.0.2.2, REMOTE 192.0.2.1, METHOD $METHOD, BUFFER $BUFFER);
ours :: IPFilter(allow dst net 10.1.0.0/16 && not src net 10.1.0.0/16);
flows :: FlowTable;
Idle -> tunnel;
tunnel -> CheckIPHeader -> ours -> ClampMSS -> [outside] flows;
Idle -> [inside] flows;

flows[known] -> counter :: Counter -> Take -> Discard;
flows[new] -> scans :: ScanFilter;
scans[pass] -> UniverseTagger -> Dispatcher(MAP ../../config/addresses.map) -> counter;
scans[scan] -> Discard;
flows[stray] -> Discard;
flows[inside] -> Discard;
