// All that happens to a packet before a clone would get it. As in config/farm.click, the scan filter sees only packets that
// would open a flow.
flows :: FlowTable(FLOWS $FLOWS);
counter :: Counter;
FromDump($IN) -> GreDecap -> CheckIPHeader
  -> class :: IPClassifier(dst tcp port 445 or 139, dst tcp port 22 or 23, tcp, udp, icmp);
class[0] -> [outside] flows;
class[1] -> [outside] flows;
class[2] -> [outside] flows;
class[3] -> [outside] flows;
class[4] -> [outside] flows;
Idle -> [inside] flows;

flows[known] -> counter;
flows[new] -> scans :: ScanFilter(SCANS $FLOWS);
scans[pass] -> counter;
counter -> Take -> Discard;
flows[stray] -> Discard;
flows[inside] -> Discard;
scans[scan] -> Discard;
