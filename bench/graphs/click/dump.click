// As ../dump.click, in elements of Click.
define($IN in.pcap, $OUT out.pcap);
counter :: Counter;
FromDump($IN, STOP true)
  -> Strip(14) -> CheckIPHeader -> tunnel :: IPClassifier(ip proto 47, -);
tunnel[0] -> Strip(24) -> CheckIPHeader
  -> class :: IPClassifier(dst tcp port 445 or 139, dst tcp port 22 or 23, tcp, udp, icmp);
tunnel[1] -> Discard;
class[0] -> counter;
class[1] -> counter;
class[2] -> counter;
class[3] -> counter;
class[4] -> counter;
counter -> ToDump($OUT, ENCAP IP);
