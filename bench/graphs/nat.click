// Classified packets leave by ports of one address, each flow by its own.
nat :: ExportNat(ADDRESS 198.51.100.1);
FromDump($IN) -> GreDecap -> CheckIPHeader
  -> class :: IPClassifier(dst tcp port 445 or 139, dst tcp port 22 or 23, tcp, udp, icmp);
class[0] -> [out] nat;
class[1] -> [out] nat;
class[2] -> [out] nat;
class[3] -> [out] nat;
class[4] -> [out] nat;
Idle -> [back] nat;

nat[out] -> counter :: Counter -> Discard;
nat[back] -> Discard;
