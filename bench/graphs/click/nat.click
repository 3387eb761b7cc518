// As ../nat.click, in elements of Click. Its IPRewriter translates TCP and UDP; ICMP, a twentieth of the packets, goes around it.
define($IN in.pcap, $OUT out.pcap);
nat :: IPRewriter(pattern 198.51.100.1 1024-65535 - - 0 1);
counter :: Counter;
FromDump($IN, STOP true)
  -> Strip(14) -> CheckIPHeader -> tunnel :: IPClassifier(ip proto 47, -);
tunnel[0] -> Strip(24) -> CheckIPHeader
  -> class :: IPClassifier(dst tcp port 445 or 139, dst tcp port 22 or 23, tcp, udp, icmp);
tunnel[1] -> Discard;
class[0] -> [0] nat;
class[1] -> [0] nat;
class[2] -> [0] nat;
class[3] -> [0] nat;
class[4] -> counter;
nat[0] -> counter -> Discard;
nat[1] -> Discard;
