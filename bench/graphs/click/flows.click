// As ../flows.click, in elements of Click: an aggregate number is what remembers a flow there.
define($IN in.pcap, $OUT out.pcap);
flows :: AggregateIPFlows;
FromDump($IN, STOP true)
  -> Strip(14) -> CheckIPHeader -> tunnel :: IPClassifier(ip proto 47, -);
tunnel[0] -> Strip(24) -> CheckIPHeader
  -> class :: IPClassifier(dst tcp port 445 or 139, dst tcp port 22 or 23, tcp, udp, icmp);
tunnel[1] -> Discard;
class[0] -> flows;
class[1] -> flows;
class[2] -> flows;
class[3] -> flows;
class[4] -> flows;
flows -> counter :: Counter -> Discard;
