// … verified, and told apart in five ways.
counter :: Counter;
FromDump($IN) -> GreDecap -> CheckIPHeader
  -> class :: IPClassifier(dst tcp port 445 or 139, dst tcp port 22 or 23, tcp, udp, icmp);
class[0] -> counter;
class[1] -> counter;
class[2] -> counter;
class[3] -> counter;
class[4] -> counter;
counter -> Discard;
