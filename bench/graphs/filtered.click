// As flows.click, and every packet passes the scan filter, those of flows that are known as well.
flows :: FlowTable(FLOWS $FLOWS);
scans :: ScanFilter(SCANS $FLOWS);
FromDump($IN) -> GreDecap -> CheckIPHeader
  -> class :: IPClassifier(dst tcp port 445 or 139, dst tcp port 22 or 23, tcp, udp, icmp);
class[0] -> [outside] flows;
class[1] -> [outside] flows;
class[2] -> [outside] flows;
class[3] -> [outside] flows;
class[4] -> [outside] flows;
Idle -> [inside] flows;

flows[known] -> scans;
flows[new] -> scans;
scans[pass] -> counter :: Counter -> Take -> Discard;
flows[stray] -> Discard;
flows[inside] -> Discard;
scans[scan] -> Discard;
